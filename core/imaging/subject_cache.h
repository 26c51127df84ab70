#pragma once
#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "imaging/subjects.h"

namespace collegium {

// Keeps decoded subjects in memory as long as they fit a budget. What is in stays: under shuffled
// epochs, where every subject comes once, evicting the oldest would lose exactly what is needed
// next. Safe to call from several threads.
class SubjectCache {
 public:
  SubjectCache(const SubjectSet& subjects, std::size_t budget_bytes);
  std::shared_ptr<const Subject> get(std::size_t index);
  std::size_t bytes() const;

 private:
  const SubjectSet& subjects_;
  const std::size_t budget_;
  mutable std::mutex mutex_;
  std::size_t bytes_ = 0;
  std::unordered_map<std::size_t, std::shared_ptr<const Subject>> held_;
};

}  // namespace collegium
