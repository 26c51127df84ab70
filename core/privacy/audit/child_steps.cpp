#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "collegium/error.h"
#include "privacy/audit/audit.h"

namespace collegium {
namespace {

bool transfer(ssize_t (*call)(int, void*, std::size_t), int end, std::vector<float>& values) {
  auto* at = reinterpret_cast<char*>(values.data());
  for (std::size_t left = values.size() * sizeof(float); left > 0;) {
    const ssize_t moved = call(end, at, left);
    if (moved <= 0) return false;
    at += moved;
    left -= static_cast<std::size_t>(moved);
  }
  return true;
}

}  // namespace

PrivateSteps in_a_child(PrivateSteps steps) {
  return [steps = std::move(steps)](const Trial& trial) {
    std::vector<float> released(static_cast<std::size_t>(trial.steps * trial.width));
    int ends[2];
    if (pipe(ends) != 0) throw SystemError({.what = "no pipe to a child process could be made"});
    const pid_t child = fork();
    if (child == 0) {
      bool sent = false;
      try {
        auto values = steps(trial);
        sent = values.size() == released.size() &&
               transfer([](int end, void* at, std::size_t size) { return write(end, at, size); },
                        ends[1], values);
      } catch (...) {
      }
      _exit(sent ? 0 : 1);
    }
    close(ends[1]);
    const bool received = child > 0 && transfer(read, ends[0], released);
    close(ends[0]);
    if (child > 0) waitpid(child, nullptr, 0);
    if (!received) throw SystemError({.what = "the audit's child process gave no answer"});
    return released;
  };
}

}  // namespace collegium
