#pragma once
#include <filesystem>
#include <optional>

#include "wire/blob.h"

namespace collegium {

// The file of the captured network that a site was given last, in a folder of its state, under its
// hash: a site that is started again does not fetch it again.
class NetworkShelf {
 public:
  explicit NetworkShelf(std::filesystem::path folder) : folder_(std::move(folder)) {}

  // Checked against its name. Empty: it was never kept. Throws DataError for a file that holds
  // something else by now.
  std::optional<Bytes> find(const BlobId& id) const;
  void keep(const BlobId& id, const Bytes& file) const;  // durable; replaces the last one

 private:
  std::filesystem::path place_of(const BlobId& id) const;
  std::filesystem::path folder_;
};

}  // namespace collegium
