#include "imaging/subject_cache.h"

namespace collegium {

SubjectCache::SubjectCache(const SubjectSet& subjects, std::size_t budget_bytes)
    : subjects_(subjects), budget_(budget_bytes) {}

std::shared_ptr<const Subject> SubjectCache::get(std::size_t index) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = held_.find(index); found != held_.end()) return found->second;
  }
  // Loaded without the lock: two threads may then load the same subject, but none waits for
  // another's.
  auto subject = std::make_shared<const Subject>(subjects_.load(index));
  const std::size_t size =
      subject->image.values.size() * sizeof(float) + subject->regions.values.size();
  const std::lock_guard lock(mutex_);
  if (bytes_ + size > budget_) return subject;
  const auto [place, added] = held_.emplace(index, subject);
  if (added) bytes_ += size;
  return place->second;
}

std::size_t SubjectCache::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace collegium
