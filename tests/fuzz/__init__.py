"""Requests nobody would write: made from right ones by damage, put in process to every route, each answer examined."""
