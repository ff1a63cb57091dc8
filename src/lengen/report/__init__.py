"""What people read: figures and terminal tables made from curves. Knows curves and statistics, nothing of torch."""
