#pragma once
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <exception>
#include <functional>

namespace collegium {

enum class End { finished, died };

// Runs `work` in a child process, which disk::arm() may have killed.
inline End in_a_process(const std::function<void()>& work) {
  const pid_t child = fork();
  if (child == 0) {
    try {
      work();
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s\n", error.what());
      _exit(3);
    }
    _exit(testing::Test::HasFailure() ? 4 : 0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status));
  const int code = WEXITSTATUS(status);
  EXPECT_TRUE(code == 0 || code == 42) << "exit code " << code;
  return code == 42 ? End::died : End::finished;
}

}  // namespace collegium
