/* The loops of rscodec/codec/rans.py, which describes the coder and makes the tables.

   Arrays come through the buffer protocol: int32, hints uint16, C-contiguous. Tables are trusted, since rans.py checks
   them; symbols, indexes and payloads are not. No reading goes beyond a payload, no writing beyond a result. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>

#define TOTAL_BITS 16
#define NIBBLE_BITS 4
#define LOWEST ((uint64_t)1 << 31)
#define STATE_BYTES 8
#define SYMBOL_BYTES 8 /* at most: 16 bits for the escape, 4 for its count of nibbles, 36 for 9 nibbles */

static int index_error(void)
{
    PyErr_SetString(PyExc_IndexError, "an index of a table is out of range");
    return -1;
}

static uint8_t *put_word(uint8_t *at, uint64_t state)
{
    at -= 4;
    for (int byte = 0; byte < 4; byte++)
        at[byte] = (uint8_t)(state >> 8 * byte);
    return at;
}

static uint8_t *put(uint8_t *at, uint64_t *state, uint64_t frequency, uint64_t start, int bits)
{
    uint64_t x = *state;
    if (x >> (63 - bits) >= frequency) {
        at = put_word(at, x);
        x >>= 32;
    }
    *state = (x / frequency << bits) + x % frequency + start;
    return at;
}

static uint8_t *put_nibble(uint8_t *at, uint64_t *state, uint64_t nibble)
{
    return put(at, state, 1, nibble & 15, NIBBLE_BITS);
}

/* Writes backwards from `at`. Returns where the payload begins, or NULL if an index is out of range. */
static uint8_t *write_symbols(uint8_t *at, const int32_t *symbols, const int32_t *indexes, Py_ssize_t count,
                              const int32_t *firsts, Py_ssize_t tables, const int32_t *starts)
{
    uint64_t state = LOWEST;
    for (Py_ssize_t place = count - 1; place >= 0; place--) {
        int32_t index = indexes[place];
        if (index < 0 || index >= tables)
            return NULL;
        const int32_t *table = starts + firsts[index];
        int64_t escape = firsts[index + 1] - firsts[index] - 2;
        int64_t entry = symbols[place] + (escape - 1) / 2;
        if (entry < 0 || entry >= escape) {
            uint64_t raw = (uint64_t)(entry < 0 ? -2 * entry - 1 : 2 * (entry - escape));
            int nibbles = 0;
            while (raw >> NIBBLE_BITS * nibbles)
                nibbles++;
            for (int nibble = nibbles - 1; nibble >= 0; nibble--)
                at = put_nibble(at, &state, raw >> NIBBLE_BITS * nibble);
            at = put_nibble(at, &state, (uint64_t)nibbles);
            entry = escape;
        }
        at = put(at, &state, (uint64_t)(table[entry + 1] - table[entry]), (uint64_t)table[entry], TOTAL_BITS);
    }
    at = put_word(at, state >> 32);
    return put_word(at, state);
}

static PyObject *encode(PyObject *self, PyObject *args)
{
    Py_buffer symbols, indexes, firsts, starts;
    PyObject *payload = NULL;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*y*y*y*", &symbols, &indexes, &firsts, &starts))
        return NULL;
    Py_ssize_t count = Py_MIN(symbols.len, indexes.len) / 4, size = 0;
    uint8_t *buffer = NULL, *begin = NULL;
    if (count <= (PY_SSIZE_T_MAX - STATE_BYTES) / SYMBOL_BYTES) {
        size = count * SYMBOL_BYTES + STATE_BYTES;
        buffer = PyMem_Malloc((size_t)size);
    }
    if (!buffer) {
        PyErr_NoMemory();
    } else {
        Py_BEGIN_ALLOW_THREADS
        begin = write_symbols(buffer + size, symbols.buf, indexes.buf, count, firsts.buf, firsts.len / 4 - 1, starts.buf);
        Py_END_ALLOW_THREADS
        if (begin)
            payload = PyBytes_FromStringAndSize((char *)begin, buffer + size - begin);
        else
            index_error();
        PyMem_Free(buffer);
    }
    PyBuffer_Release(&symbols);
    PyBuffer_Release(&indexes);
    PyBuffer_Release(&firsts);
    PyBuffer_Release(&starts);
    return payload;
}

typedef struct {
    const uint8_t *bytes;
    Py_ssize_t size, at;
    uint64_t state;
} Stream;

/* Moves to the next state. It reads zeros after the end of the payload. */
static void drop(Stream *stream, uint64_t state)
{
    if (state < LOWEST) {
        uint64_t word = 0;
        for (int byte = 0; byte < 4 && byte < stream->size - stream->at; byte++)
            word |= (uint64_t)stream->bytes[stream->at + byte] << 8 * byte;
        stream->at += 4;
        state = state << 32 | word;
    }
    stream->state = state;
}

static int nibble(Stream *stream)
{
    int low = (int)(stream->state & 15);
    drop(stream, stream->state >> NIBBLE_BITS);
    return low;
}

/* Returns how many symbols were read before the first beyond the limit, or -1 if an index is out of range. */
static Py_ssize_t read_symbols(Stream *stream, const int32_t *indexes, int32_t *symbols, Py_ssize_t count,
                               const int32_t *firsts, Py_ssize_t tables, const int32_t *starts, const uint16_t *hints,
                               int64_t limit)
{
    int most = 0;
    while (2 * limit >> NIBBLE_BITS * most)
        most++;
    for (Py_ssize_t place = 0; place < count; place++) {
        int32_t index = indexes[place];
        if (index < 0 || index >= tables)
            return -1;
        const int32_t *table = starts + firsts[index];
        int64_t escape = firsts[index + 1] - firsts[index] - 2, reach = (escape - 1) / 2;
        int32_t low = (int32_t)(stream->state & 0xffff);
        int64_t entry = hints[256 * (Py_ssize_t)index + (low >> 8)];
        while (table[entry + 1] <= low)
            entry++;
        drop(stream, (uint64_t)(table[entry + 1] - table[entry]) * (stream->state >> TOTAL_BITS)
                         + (uint64_t)(low - table[entry]));
        int64_t symbol = entry - reach;
        if (entry == escape) {
            int nibbles = nibble(stream);
            if (nibbles > most)
                return place;
            int64_t raw = 0;
            for (int at = 0; at < nibbles; at++)
                raw |= (int64_t)nibble(stream) << NIBBLE_BITS * at;
            symbol = raw % 2 ? -reach - (raw + 1) / 2 : reach + 1 + raw / 2;
        }
        if (symbol < -limit || symbol > limit)
            return place;
        symbols[place] = (int32_t)symbol;
    }
    return count;
}

static PyObject *decode(PyObject *self, PyObject *args)
{
    Py_buffer payload, indexes, symbols, firsts, starts, hints;
    Stream stream;
    unsigned long long state;
    int limit;
    (void)self;
    if (!PyArg_ParseTuple(args, "y*Kny*w*y*y*y*i", &payload, &state, &stream.at, &indexes, &symbols, &firsts, &starts,
                          &hints, &limit))
        return NULL;
    Py_ssize_t count = Py_MIN(symbols.len, indexes.len) / 4;
    stream.bytes = payload.buf;
    stream.size = payload.len;
    stream.state = state;
    Py_BEGIN_ALLOW_THREADS
    count = read_symbols(&stream, indexes.buf, symbols.buf, count, firsts.buf, firsts.len / 4 - 1, starts.buf, hints.buf,
                         limit);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&payload);
    PyBuffer_Release(&indexes);
    PyBuffer_Release(&symbols);
    PyBuffer_Release(&firsts);
    PyBuffer_Release(&starts);
    PyBuffer_Release(&hints);
    if (count < 0) {
        index_error();
        return NULL;
    }
    return Py_BuildValue("nKn", count, (unsigned long long)stream.state, stream.at);
}

static PyMethodDef methods[] = {
    {"encode", encode, METH_VARARGS, "encode(symbols, indexes, firsts, starts) -> payload"},
    {"decode", decode, METH_VARARGS,
     "decode(payload, state, at, indexes, symbols, firsts, starts, hints, limit) -> (symbols read, state, at)"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_rans", "The range coder in C: see rscodec/codec/rans.py.", 0, methods, slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__rans(void)
{
    return PyModuleDef_Init(&module);
}
