"""One call, from what a user gives to the results: checks, passes, and the plan of engines."""
