"""Who is told of an incident: chat, status pages, pagers, mail, tickets, the product itself."""
