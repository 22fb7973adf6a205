"""From programs to people: derivations, graphs and reports of gradients."""
