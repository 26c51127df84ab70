# What a plugin's CMakeLists.txt calls, in this tree and from the installed package alike.

# collegium_add_plugin(NAME source...): a plugin library NAME.so, compiled with hidden visibility. It goes into the folder
# plugins/ of the build, unless CMAKE_LIBRARY_OUTPUT_DIRECTORY says otherwise.
function(collegium_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  if(NOT CMAKE_LIBRARY_OUTPUT_DIRECTORY)
    set_target_properties(${name} PROPERTIES LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins")
  endif()
  target_link_libraries(${name} PRIVATE collegium_core)
  if(COMMAND collegium_warnings)
    collegium_warnings(${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY COLLEGIUM_PLUGINS ${name})
endfunction()

# collegium_add_plugin_test(NAME source...): the executable test_NAME of GoogleTest on the plugin NAME, registered with ctest.
# COLLEGIUM_PLUGIN_FILE is the plugin's library, which collegium/conformance.h loads.
function(collegium_add_plugin_test name)
  find_package(GTest QUIET)
  if(NOT GTest_FOUND)
    message(WARNING "No tests of ${name}: they need the system's GoogleTest (apt-get install libgtest-dev)")
    return()
  endif()
  include(GoogleTest)
  add_executable(test_${name} ${ARGN})
  target_link_libraries(test_${name} PRIVATE collegium_core GTest::gtest_main ${CMAKE_DL_LIBS})
  target_compile_definitions(test_${name} PRIVATE COLLEGIUM_PLUGIN_FILE="$<TARGET_FILE:${name}>")
  add_dependencies(test_${name} ${name})
  gtest_discover_tests(test_${name} DISCOVERY_TIMEOUT 60)
endfunction()
