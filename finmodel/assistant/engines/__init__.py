"""What writes replies: llama.cpp, transformers, a server by its URL, or a script of a test's."""
