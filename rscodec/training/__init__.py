"""What training scripts share. Imports neither compressai nor rasterio, so that it runs on a bare GPU machine."""
