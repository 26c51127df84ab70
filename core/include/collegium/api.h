#pragma once

// Marks what plugins may link against. Plugins are compiled with hidden visibility, so every
// interface class and every error that crosses the boundary needs the marker, and an out-of-line
// destructor as its key function: otherwise `catch` and `dynamic_cast` see two different types with
// one name.
#define COLLEGIUM_API __attribute__((visibility("default")))
