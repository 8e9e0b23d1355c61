"""DICOM: reads ultrasound objects, with millimetres if they are certain, and writes results.

pydicom and highdicom are imported only when a DICOM file is found, as importing takes half a
second: of the modules here, others import `read`, `file_start`, `codestream` and `maker` at once.
"""
