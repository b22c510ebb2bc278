"""What comes after an incident: lists with reminders, the post-mortem, figures over incidents."""
