"""Rules about the C library: names, charsets, locales, time zones, terminals."""
