"""Operations executed, once for everyone who asked the same."""
