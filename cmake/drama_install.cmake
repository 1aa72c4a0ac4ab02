# What `cmake --install` puts under a prefix: the headers, one archive, the program, and the files by
# which CMake (find_package(drama), drama::drama) and pkg-config (drama) find them. The prefix may
# be moved afterwards. A sanitized build passes its sanitizers on, since its archive needs them.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# Users link one archive and need not know the modules.
get_property(modules GLOBAL PROPERTY DRAMA_MODULES)
get_property(links GLOBAL PROPERTY DRAMA_LINKS)
list(REMOVE_DUPLICATES links)
add_library(drama_archive STATIC)
foreach(module ${modules})
    get_target_property(type ${module} TYPE)
    if(type STREQUAL "STATIC_LIBRARY")
        target_sources(drama_archive PRIVATE $<TARGET_OBJECTS:${module}>)
    endif()
endforeach()
set_target_properties(drama_archive PROPERTIES OUTPUT_NAME drama EXPORT_NAME drama LINKER_LANGUAGE CXX)

foreach(property COMPILE_FEATURES COMPILE_OPTIONS LINK_OPTIONS)
    get_target_property(value drama_options INTERFACE_${property})
    if(value)
        set_property(TARGET drama_archive PROPERTY INTERFACE_${property} "${value}")
    endif()
endforeach()
target_link_libraries(drama_archive INTERFACE Threads::Threads ${links})

# drama::sim_guard, for tests: objects, which stand in front of the C library whether or not anybody
# calls them.
if(TARGET drama_sim_guard)
    get_target_property(guard_sources drama_sim_guard SOURCES)
    get_target_property(guard_dir drama_sim_guard SOURCE_DIR)
    list(TRANSFORM guard_sources PREPEND ${guard_dir}/)
    add_library(drama_guard_objects OBJECT ${guard_sources})
    target_include_directories(drama_guard_objects PRIVATE ${PROJECT_SOURCE_DIR})
    target_link_libraries(drama_guard_objects PUBLIC drama_archive)
    set_target_properties(drama_guard_objects PROPERTIES EXPORT_NAME sim_guard)
    install(TARGETS drama_guard_objects EXPORT drama_targets
        OBJECTS DESTINATION ${CMAKE_INSTALL_LIBDIR}/drama)
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/drama)
install(TARGETS drama_archive EXPORT drama_targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
    INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT drama_targets NAMESPACE drama:: FILE drama-targets.cmake DESTINATION ${package_dir})

# Which headers users need is looked up when they are installed.
install(CODE "set(source_dir \"${PROJECT_SOURCE_DIR}\")
    set(include_dir \"${CMAKE_INSTALL_INCLUDEDIR}\")")
install(SCRIPT ${CMAKE_CURRENT_LIST_DIR}/install_headers.cmake)

configure_package_config_file(${PROJECT_SOURCE_DIR}/packaging/drama-config.cmake.in
    ${PROJECT_BINARY_DIR}/packaging/drama-config.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/packaging/drama-config-version.cmake
    COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/packaging/drama-config.cmake
    ${PROJECT_BINARY_DIR}/packaging/drama-config-version.cmake DESTINATION ${package_dir})

# pkg-config finds the prefix from where drama.pc lies.
file(RELATIVE_PATH pc_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" pc_prefix "${pc_prefix}")
set(pc_flags "-fno-omit-frame-pointer -foptimize-sibling-calls")
set(pc_links -pthread)
foreach(link ${links})
    string(PREPEND pc_links "-l${link} ")
endforeach()
if(DRAMA_SANITIZE)
    string(APPEND pc_flags " -fsanitize=${DRAMA_SANITIZE}")
    string(APPEND pc_links " -fsanitize=${DRAMA_SANITIZE}")
endif()
configure_file(${PROJECT_SOURCE_DIR}/packaging/drama.pc.in ${PROJECT_BINARY_DIR}/packaging/drama.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/packaging/drama.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(TARGETS drama_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
# Nothing is enabled by that: whoever wants the service says so to systemd.
install(FILES ${PROJECT_SOURCE_DIR}/packaging/drama.service ${PROJECT_SOURCE_DIR}/packaging/drama.socket
    DESTINATION lib/systemd/system)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/drama.toml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
