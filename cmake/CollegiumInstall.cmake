# Everything lies inside the Python package, so that one folder is the whole product:
#   collegium/_core.so   collegium/lib/   collegium/plugins/   collegium/bin/   ../torch/lib
#   collegium/include/   collegium/cmake/   collegium/templates/   for authors of plugins
set(_package collegium)
set_target_properties(collegium_core PROPERTIES INSTALL_RPATH "$ORIGIN")
install(TARGETS collegium_core LIBRARY DESTINATION ${_package}/lib COMPONENT python)
install(DIRECTORY core/include/ DESTINATION ${_package}/include COMPONENT python FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/include/collegium/version.h" DESTINATION ${_package}/include/collegium COMPONENT python)
configure_file(cmake/collegium-config-version.cmake.in "${PROJECT_BINARY_DIR}/collegium-config-version.cmake" @ONLY)
install(FILES cmake/collegium-config.cmake cmake/CollegiumPlugin.cmake "${PROJECT_BINARY_DIR}/collegium-config-version.cmake"
  DESTINATION ${_package}/cmake COMPONENT python)
install(DIRECTORY plugins/template/ DESTINATION ${_package}/templates COMPONENT python)

get_property(_plugins GLOBAL PROPERTY COLLEGIUM_PLUGINS)
foreach(_plugin IN LISTS _plugins)
  set_target_properties(${_plugin} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib")
  install(TARGETS ${_plugin} LIBRARY DESTINATION ${_package}/plugins COMPONENT python)
endforeach()

foreach(_program collegium-server collegium-site)
  if(TARGET ${_program})
    set_target_properties(${_program} PROPERTIES INSTALL_RPATH "$ORIGIN/../lib;$ORIGIN/../../torch/lib")
    install(TARGETS ${_program} RUNTIME DESTINATION ${_package}/bin COMPONENT python)
  endif()
endforeach()

if(COLLEGIUM_TORCH)
  set_target_properties(collegium_torch PROPERTIES INSTALL_RPATH "$ORIGIN;$ORIGIN/../../torch/lib")
  set_target_properties(_core PROPERTIES INSTALL_RPATH "$ORIGIN/lib;$ORIGIN/../torch/lib")
  install(TARGETS collegium_torch LIBRARY DESTINATION ${_package}/lib COMPONENT python)
  install(TARGETS _core LIBRARY DESTINATION ${_package} COMPONENT python)
endif()
