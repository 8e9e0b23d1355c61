"""What `segment-dir` leaves behind: where it stands, the journal, the manifest and the tables."""
