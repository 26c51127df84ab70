#pragma once
#include <gmock/gmock.h>

#include <string>

#include "collegium/error.h"

namespace collegium {

// What a call complains of; a call that does not complain fails the test.
template <class Call>
Problem problem_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.problem();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

}  // namespace collegium
