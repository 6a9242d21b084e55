/* The steps after the products of rscodec/codec/numpy_arrays.py, each in one pass over memory.

   Arrays come through the buffer protocol: C-contiguous, all float32 or all float64, the last axis that of the bias.
   Sizes are checked here, so a wrong call raises ValueError and touches nothing. Integers below 2^24 stay exact in any
   order of summation, so the instruction set does not matter to them. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>
#include <string.h>

#if defined(__GNUC__) && !defined(__clang__) && defined(__x86_64__) && defined(__GLIBC__)
#pragma GCC optimize("O3")
#define FOR_EVERY_CPU __attribute__((target_clones("arch=haswell", "default")))
#else
#define FOR_EVERY_CPU
#endif

#if defined(_MSC_VER) && !defined(__clang__)
#define restrict __restrict /* not a keyword there before C11 */
#endif

#define KERNELS(real)                                                                                                  \
    FOR_EVERY_CPU static void leaky_##real(real *restrict x, const real *restrict bias, real slope, Py_ssize_t rows,   \
                                           Py_ssize_t width)                                                           \
    {                                                                                                                  \
        for (Py_ssize_t row = 0; row < rows; row++, x += width)                                                        \
            for (Py_ssize_t at = 0; at < width; at++) {                                                                \
                real value = x[at] + bias[at], less = value * slope;                                                   \
                x[at] = value > less ? value : less;                                                                   \
            }                                                                                                          \
    }                                                                                                                  \
    FOR_EVERY_CPU static void fold_##real(const real *restrict x, const real *restrict bias, real slope,               \
                                          real *restrict out, Py_ssize_t rows, Py_ssize_t half)                        \
    {                                                                                                                  \
        for (Py_ssize_t row = 0; row < rows; row++, x += 2 * half, out += half)                                        \
            for (Py_ssize_t at = 0; at < half; at++) {                                                                 \
                real a = x[at] + bias[at], b = x[half + at] + bias[half + at];                                         \
                real less_a = a * slope, less_b = b * slope;                                                           \
                out[at] = (a > less_a ? a : less_a) + (b > less_b ? b : less_b);                                       \
            }                                                                                                          \
    }                                                                                                                  \
    FOR_EVERY_CPU static void add_##real(real *restrict x, const real *restrict added, const real *restrict bias,      \
                                         Py_ssize_t rows, Py_ssize_t width)                                            \
    {                                                                                                                  \
        for (Py_ssize_t row = 0; row < rows; row++, x += width, added += width)                                        \
            for (Py_ssize_t at = 0; at < width; at++)                                                                  \
                x[at] += added[at] + bias[at];                                                                         \
    }                                                                                                                  \
    /* One row of one map: the sum over three adjacent pixels of each of the existing rows. */                         \
    FOR_EVERY_CPU static void depthwise_row_##real(const real *const *restrict rows, const real *restrict weight,      \
                                                   const real *restrict bias, real *restrict out, Py_ssize_t width,    \
                                                   Py_ssize_t channels)                                                \
    {                                                                                                                  \
        for (Py_ssize_t col = 0; col < width; col++, out += channels) {                                                \
            memcpy(out, bias, (size_t)channels * sizeof(real));                                                        \
            for (int down = 0; down < 3; down++) {                                                                     \
                if (!rows[down])                                                                                       \
                    continue;                                                                                          \
                const real *x = rows[down] + col * channels, *w = weight + 3 * down * channels;                        \
                if (col > 0 && col + 1 < width) {                                                                      \
                    for (Py_ssize_t at = 0; at < channels; at++)                                                       \
                        out[at] += x[at - channels] * w[at] + x[at] * w[channels + at]                                 \
                                   + x[at + channels] * w[2 * channels + at];                                          \
                    continue;                                                                                          \
                }                                                                                                      \
                for (int right = 0; right < 3; right++)                                                                \
                    if (col + right >= 1 && col + right <= width)                                                      \
                        for (Py_ssize_t at = 0; at < channels; at++)                                                   \
                            out[at] += x[at + (right - 1) * channels] * w[right * channels + at];                      \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void depthwise_##real(const real *x, const real *weight, const real *bias, real *out, Py_ssize_t maps,      \
                                 Py_ssize_t height, Py_ssize_t width, Py_ssize_t channels)                             \
    {                                                                                                                  \
        Py_ssize_t line = width * channels;                                                                            \
        for (Py_ssize_t row = 0; row < maps * height; row++, x += line, out += line) {                                 \
            Py_ssize_t within = row % height;                                                                          \
            const real *rows[3] = {within ? x - line : NULL, x, within + 1 < height ? x + line : NULL};                \
            depthwise_row_##real(rows, weight, bias, out, width, channels);                                            \
        }                                                                                                              \
    }

KERNELS(float)
KERNELS(double)

FOR_EVERY_CPU static void finish_float(float *restrict x, const float *restrict bias, const float *restrict scale,
                                       const float *restrict extra, float slope, float lowest, float limit,
                                       Py_ssize_t rows, Py_ssize_t width)
{
    for (Py_ssize_t row = 0; row < rows; row++, x += width)
        for (Py_ssize_t at = 0; at < width; at++) {
            float value = (x[at] + bias[at]) * scale[at];
            if (extra)
                value = rintf(value) + extra[at];
            float less = value * slope;
            value = value > less ? value : less;
            value = rintf(value); /* half to even */
            x[at] = value < lowest ? lowest : value > limit ? limit : value;
        }
}

#define MOST_ARRAYS 4

typedef struct {
    Py_buffer views[MOST_ARRAYS];
    int count;
    int is_double;
} Arrays;

static void release(Arrays *arrays)
{
    while (arrays->count)
        PyBuffer_Release(&arrays->views[--arrays->count]);
}

static int refuse(Arrays *arrays, const char *words)
{
    release(arrays);
    PyErr_SetString(PyExc_ValueError, words);
    return -1;
}

/* Takes arrays of one number type. Arrays whose bit in `written` is set may be changed. */
static int take(Arrays *arrays, PyObject *const *objects, int count, unsigned written)
{
    arrays->count = 0;
    for (int at = 0; at < count; at++) {
        int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (written >> at & 1 ? PyBUF_WRITABLE : 0);
        if (PyObject_GetBuffer(objects[at], &arrays->views[at], flags) < 0) {
            release(arrays);
            return -1;
        }
        arrays->count = at + 1;
        const char *format = arrays->views[at].format;
        int is_double = format && !strcmp(format, "d");
        if (!is_double && !(format && !strcmp(format, "f")))
            return refuse(arrays, "an array is neither float32 nor float64");
        if (at && is_double != arrays->is_double)
            return refuse(arrays, "arrays have different number types");
        arrays->is_double = is_double;
        if (arrays->views[at].ndim < 1)
            return refuse(arrays, "an array has no axis");
    }
    return 0;
}

static Py_ssize_t size(const Arrays *arrays, int at)
{
    return arrays->views[at].len / arrays->views[at].itemsize;
}

static Py_ssize_t last(const Arrays *arrays, int at)
{
    return arrays->views[at].shape[arrays->views[at].ndim - 1];
}

static PyObject *leaky(PyObject *self, PyObject *args)
{
    PyObject *objects[2];
    double slope;
    Arrays arrays;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOd", &objects[0], &objects[1], &slope) || take(&arrays, objects, 2, 1) < 0)
        return NULL;
    Py_ssize_t width = last(&arrays, 0);
    if (size(&arrays, 1) != width && refuse(&arrays, "a bias has another width than its array"))
        return NULL;
    Py_ssize_t rows = width ? size(&arrays, 0) / width : 0;
    void *x = arrays.views[0].buf, *bias = arrays.views[1].buf;
    Py_BEGIN_ALLOW_THREADS
    if (arrays.is_double)
        leaky_double(x, bias, slope, rows, width);
    else
        leaky_float(x, bias, (float)slope, rows, width);
    Py_END_ALLOW_THREADS
    release(&arrays);
    Py_RETURN_NONE;
}

static PyObject *fold(PyObject *self, PyObject *args)
{
    PyObject *objects[3];
    double slope;
    Arrays arrays;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOdO", &objects[0], &objects[1], &slope, &objects[2])
        || take(&arrays, objects, 3, 4) < 0)
        return NULL;
    Py_ssize_t width = last(&arrays, 0), half = last(&arrays, 2);
    if ((size(&arrays, 1) != width || width != 2 * half || size(&arrays, 0) != 2 * size(&arrays, 2))
        && refuse(&arrays, "the arrays to fold do not fit"))
        return NULL;
    Py_ssize_t rows = width ? size(&arrays, 0) / width : 0;
    void *x = arrays.views[0].buf, *bias = arrays.views[1].buf, *out = arrays.views[2].buf;
    Py_BEGIN_ALLOW_THREADS
    if (arrays.is_double)
        fold_double(x, bias, slope, out, rows, half);
    else
        fold_float(x, bias, (float)slope, out, rows, half);
    Py_END_ALLOW_THREADS
    release(&arrays);
    Py_RETURN_NONE;
}

static PyObject *add(PyObject *self, PyObject *args)
{
    PyObject *objects[3];
    Arrays arrays;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOO", &objects[0], &objects[1], &objects[2]) || take(&arrays, objects, 3, 1) < 0)
        return NULL;
    Py_ssize_t width = last(&arrays, 0);
    if ((size(&arrays, 2) != width || last(&arrays, 1) != width || size(&arrays, 0) != size(&arrays, 1))
        && refuse(&arrays, "the arrays to add do not fit"))
        return NULL;
    Py_ssize_t rows = width ? size(&arrays, 0) / width : 0;
    void *x = arrays.views[0].buf, *added = arrays.views[1].buf, *bias = arrays.views[2].buf;
    Py_BEGIN_ALLOW_THREADS
    if (arrays.is_double)
        add_double(x, added, bias, rows, width);
    else
        add_float(x, added, bias, rows, width);
    Py_END_ALLOW_THREADS
    release(&arrays);
    Py_RETURN_NONE;
}

static PyObject *depthwise(PyObject *self, PyObject *args)
{
    PyObject *objects[4];
    Arrays arrays;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOO", &objects[0], &objects[1], &objects[2], &objects[3])
        || take(&arrays, objects, 4, 8) < 0)
        return NULL;
    if (arrays.views[0].ndim != 4 && refuse(&arrays, "a map is not (B, H, W, C)"))
        return NULL;
    const Py_ssize_t *shape = arrays.views[0].shape;
    Py_ssize_t channels = shape[3];
    if ((size(&arrays, 1) != 9 * channels || size(&arrays, 2) != channels || size(&arrays, 3) != size(&arrays, 0))
        && refuse(&arrays, "the arrays to convolve do not fit"))
        return NULL;
    void *x = arrays.views[0].buf, *weight = arrays.views[1].buf, *bias = arrays.views[2].buf;
    void *out = arrays.views[3].buf;
    if (size(&arrays, 0)) {
        Py_BEGIN_ALLOW_THREADS
        if (arrays.is_double)
            depthwise_double(x, weight, bias, out, shape[0], shape[1], shape[2], channels);
        else
            depthwise_float(x, weight, bias, out, shape[0], shape[1], shape[2], channels);
        Py_END_ALLOW_THREADS
    }
    release(&arrays);
    Py_RETURN_NONE;
}

static PyObject *finish(PyObject *self, PyObject *args)
{
    PyObject *objects[4];
    double slope, lowest, limit;
    Arrays arrays;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOddd", &objects[0], &objects[1], &objects[2], &objects[3], &slope, &lowest, &limit)
        || take(&arrays, objects, objects[3] == Py_None ? 3 : 4, 1) < 0)
        return NULL;
    Py_ssize_t width = last(&arrays, 0);
    int fits = !arrays.is_double;
    for (int at = 1; at < arrays.count; at++)
        fits = fits && size(&arrays, at) == width;
    if (!fits && refuse(&arrays, "the arrays to finish do not fit"))
        return NULL;
    Py_ssize_t rows = width ? size(&arrays, 0) / width : 0;
    float *x = arrays.views[0].buf;
    const float *bias = arrays.views[1].buf, *scale = arrays.views[2].buf;
    const float *extra = arrays.count > 3 ? arrays.views[3].buf : NULL;
    Py_BEGIN_ALLOW_THREADS
    finish_float(x, bias, scale, extra, (float)slope, (float)lowest, (float)limit, rows, width);
    Py_END_ALLOW_THREADS
    release(&arrays);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"leaky", leaky, METH_VARARGS, "leaky(x, bias, slope): x = max(v, slope v), v = x + bias"},
    {"fold", fold, METH_VARARGS, "fold(x, bias, slope, out): out = both halves of what leaky gives, added"},
    {"add", add, METH_VARARGS, "add(x, added, bias): x += added + bias"},
    {"depthwise", depthwise, METH_VARARGS, "depthwise(x, weight, bias, out): 3x3, each channel by itself"},
    {"finish", finish, METH_VARARGS, "finish(x, bias, scale, extra, slope, lowest, limit): an exact layer after x W"},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_layers", "Loops of layers in C: see rscodec/codec/numpy_arrays.py.", 0, methods, slots,
    NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit__layers(void)
{
    return PyModuleDef_Init(&module);
}
