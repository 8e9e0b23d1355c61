"""busicli: lesion masks for batches of breast-ultrasound scans. Not a medical device."""
