"""Simulated B-mode breast-ultrasound scans with known lesion masks. No patient was scanned.

`tissue` says how strongly each place scatters, `lesions` puts masses into it, `acquisition` turns
echo strength into a speckled picture, `annotations` burns in what a sonographer leaves behind, and
`scan` draws a whole case from one random generator.
"""
