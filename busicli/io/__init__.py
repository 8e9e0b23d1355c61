"""Files: images, masks, DICOM, atomic writes, output paths."""
