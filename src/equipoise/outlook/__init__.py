"""What a course does to a lab's people, knowledge and lead: labs and teams, month by month, many times."""
