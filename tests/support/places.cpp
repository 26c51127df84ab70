#include "support/places.h"

namespace collegium {

std::string test_data(const std::string& file) { return COLLEGIUM_TEST_DATA "/" + file; }

std::string plugin_folder() { return COLLEGIUM_PLUGIN_FOLDER; }

}  // namespace collegium
