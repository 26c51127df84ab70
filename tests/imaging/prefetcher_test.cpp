#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>

#include "imaging/prefetcher.h"

namespace collegium {
namespace {

TEST(Prefetcher, GivesEveryItemInOrderAndThenNothing) {
  int made = 0;
  Prefetcher<int> prefetcher(
      [&]() -> std::optional<int> { return made < 100 ? std::optional(made++) : std::nullopt; }, 3);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(prefetcher.next(), i);
  EXPECT_EQ(prefetcher.next(), std::nullopt);
  EXPECT_EQ(prefetcher.next(), std::nullopt);
}

TEST(Prefetcher, StaysAtMostItsDepthAhead) {
  std::atomic<int> made = 0;
  std::promise<void> full;
  Prefetcher<int> prefetcher(
      [&]() -> std::optional<int> {
        const int item = made++;
        if (item == 3) full.set_value();  // made only once the first has been taken
        return item;
      },
      3);
  EXPECT_EQ(prefetcher.next(), 0);
  full.get_future().wait();
  EXPECT_LE(made, 4);
}

TEST(Prefetcher, HandsOverAnErrorAfterTheItemsBeforeIt) {
  int made = 0;
  Prefetcher<int> prefetcher(
      [&]() -> std::optional<int> {
        if (made == 2) throw std::runtime_error("no third");
        return made++;
      },
      8);
  EXPECT_EQ(prefetcher.next(), 0);
  EXPECT_EQ(prefetcher.next(), 1);
  EXPECT_THROW(prefetcher.next(), std::runtime_error);
}

TEST(Prefetcher, CanBeDroppedWhileItIsAhead) {
  Prefetcher<int> prefetcher([]() -> std::optional<int> { return 1; }, 2);
  EXPECT_EQ(prefetcher.next(), 1);
}

}  // namespace
}  // namespace collegium
