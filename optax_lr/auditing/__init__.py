"""What a log says: which schedule it followed, where it left the plan, what its losses show."""
