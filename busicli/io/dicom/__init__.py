"""DICOM: reads ultrasound objects, with millimetres if they are certain, and writes results.

pydicom and highdicom are imported only when a DICOM file is found: importing takes half a second.
"""
