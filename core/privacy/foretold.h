#pragma once
#include "collegium/privacy.h"

namespace collegium {

// What is charged for `event` when its noise came from here: the event itself, or, where the words
// can be foretold (a test key), an unbounded one whose reason is kNotPrivate. Ledgers, reports and
// models then say so; nothing can be sold for private by a slip.
constexpr const char* kNotPrivate = "NOT PRIVATE: the noise follows from a fixed test key";
PrivacyEvent charged_for(PrivacyEvent event, bool noise_is_private);

}  // namespace collegium
