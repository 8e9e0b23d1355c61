"""DICOM: ultrasound objects in (pixels, and millimetres where they are certain), results out.

pydicom and highdicom are imported only once a DICOM file turns up: importing them takes half a
second that a folder of PNG scans need not pay for.
"""
