"""Pages of sync: parse, call a selector or a service, render. An htmx request gets a part of the same page."""
