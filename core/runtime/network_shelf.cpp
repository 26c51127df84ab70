#include "runtime/network_shelf.h"

#include "base/file.h"
#include "collegium/error.h"

namespace collegium {

std::filesystem::path NetworkShelf::place_of(const BlobId& id) const {
  return folder_ / (to_hex(id.digest) + ".safetensors");
}

std::optional<Bytes> NetworkShelf::find(const BlobId& id) const {
  const auto place = place_of(id);
  if (!std::filesystem::exists(place)) return std::nullopt;
  Bytes file = Bytes::owning(read_file(place.string()));
  if (matches(id, file)) return file;
  throw DataError({.what = "the file of the run's network is not what was kept",
                   .where = place.string(),
                   .expected = std::to_string(id.size) + " bytes with the hash of its name",
                   .found = std::to_string(file.size()) + " bytes",
                   .remedy = "nothing: it is fetched again"});
}

void NetworkShelf::keep(const BlobId& id, const Bytes& file) const {
  const auto place = place_of(id);
  make_folders(folder_.string());
  std::error_code gone;  // what cannot be deleted is only space
  for (const auto& entry : std::filesystem::directory_iterator(folder_))
    if (entry.path() != place) std::filesystem::remove(entry.path(), gone);
  write_file_atomically(place.string(), {file.view});
}

}  // namespace collegium
