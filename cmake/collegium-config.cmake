# find_package(collegium): the target collegium_core, and what CollegiumPlugin.cmake defines. `python -m collegium --cmake-dir`
# prints the folder this file is installed in; scikit-build-core looks there by itself. Inside Collegium's own build the target
# is there already.
if(NOT TARGET collegium_core)
  get_filename_component(_package "${CMAKE_CURRENT_LIST_DIR}" DIRECTORY)
  if(NOT EXISTS "${_package}/lib/libcollegium_core.so")
    set(collegium_FOUND FALSE)
    set(collegium_NOT_FOUND_MESSAGE "${_package}/lib/libcollegium_core.so is missing: install the package collegium again")
    return()
  endif()
  add_library(collegium_core SHARED IMPORTED)
  set_target_properties(collegium_core PROPERTIES
    IMPORTED_LOCATION "${_package}/lib/libcollegium_core.so"
    INTERFACE_INCLUDE_DIRECTORIES "${_package}/include"
    INTERFACE_COMPILE_FEATURES cxx_std_20)
  unset(_package)
  if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release)
  endif()
endif()
include("${CMAKE_CURRENT_LIST_DIR}/CollegiumPlugin.cmake")
