"""What people see: a screen for each command. Receive facts; print them."""
