# collegium_add_plugin(NAME source...): a plugin library NAME.so, compiled with hidden visibility.
function(collegium_add_plugin name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES PREFIX "" CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/plugins")
  target_link_libraries(${name} PRIVATE collegium_core)
  if(COMMAND collegium_warnings)
    collegium_warnings(${name})
  endif()
  set_property(GLOBAL APPEND PROPERTY COLLEGIUM_PLUGINS ${name})
endfunction()
