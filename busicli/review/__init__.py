"""`review`: what people decided on the page becomes masks, tables and DICOM objects."""
