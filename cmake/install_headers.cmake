# Runs at `cmake --install`: installs drama's public headers and those that they include, and no
# others, from source_dir into include_dir.
cmake_policy(VERSION 3.25)
if(NOT IS_ABSOLUTE ${include_dir})
    set(include_dir ${CMAKE_INSTALL_PREFIX}/${include_dir})
endif()

# Headers in these folders are for users, but for those that only the modules themselves include.
set(public_folders base check coro coro/watch tenant runtime sync net net/process fs http admin fault sim sim/disk sim/explore sim/net sim/node sim/oracle sim/process)
set(not_public
    admin/(json_writer|metrics|metrics_writer|process_figures|report)
    base/(intrusive_list|mpsc_stack|prng|spinlock)
    fault/(faulty_backend|io_faults|thread_faults)
    fs/file_wait
    http/(body_view|request_parser_check|response_parser|response_writer)
    net/socket_wait
    runtime/(engine|io_await)
    sim/carrier_threads
    sim/net/sim_network_harness)
list(JOIN not_public "|" not_public)

set(waiting)
foreach(folder ${public_folders})
    file(GLOB headers RELATIVE ${source_dir} ${source_dir}/drama/${folder}/*.hpp)
    list(APPEND waiting ${headers})
endforeach()
list(FILTER waiting EXCLUDE REGEX "^drama/(${not_public})\\.hpp$")

set(needed)
while(waiting)
    list(POP_FRONT waiting header)
    if(header IN_LIST needed)
        continue()
    endif()
    list(APPEND needed ${header})
    file(STRINGS ${source_dir}/${header} includes REGEX "^#include \"drama/")
    list(TRANSFORM includes REPLACE "^#include \"(drama/[^\"]+)\".*" "\\1")
    list(APPEND waiting ${includes})
endwhile()

list(SORT needed)
foreach(header ${needed})
    get_filename_component(folder ${header} DIRECTORY)
    file(INSTALL DESTINATION ${include_dir}/${folder} TYPE FILE FILES ${source_dir}/${header})
endforeach()
