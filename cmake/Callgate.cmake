# How every target of the project is built: one place for the language, warnings, sanitizers and naming.

option(CALLGATE_TESTS "Build the tests" ON)
option(CALLGATE_FUZZ "Build the fuzz targets (clang only)" OFF)
set(CALLGATE_SANITIZE "" CACHE STRING "Sanitizers, as for -fsanitize= (address,undefined or thread)")

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CALLGATE_CCACHE ccache)
if(CALLGATE_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER "${CALLGATE_CCACHE}")
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CALLGATE_CCACHE}")
endif()

find_program(CALLGATE_MOLD mold)
if(CALLGATE_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(Protobuf REQUIRED)
find_package(absl REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(spdlog REQUIRED)
pkg_check_modules(LIBBPF REQUIRED IMPORTED_TARGET libbpf)
pkg_check_modules(GRPCPP REQUIRED IMPORTED_TARGET grpc++)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(SECCOMP REQUIRED IMPORTED_TARGET libseccomp)
pkg_check_modules(PROMETHEUS REQUIRED IMPORTED_TARGET prometheus-cpp-core)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(CAPNG REQUIRED IMPORTED_TARGET libcap-ng)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
find_library(IPSEC_MB_LIBRARY IPSec_MB REQUIRED)
add_library(ipsec_mb INTERFACE IMPORTED)
target_link_libraries(ipsec_mb INTERFACE "${IPSEC_MB_LIBRARY}")

add_library(callgate_options INTERFACE)
target_compile_options(callgate_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Woverloaded-virtual
  -Wimplicit-fallthrough -fstack-protector-strong)
target_compile_definitions(callgate_options INTERFACE
  BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE CALLGATE_VERSION="${PROJECT_VERSION}")
target_include_directories(callgate_options INTERFACE "${CMAKE_SOURCE_DIR}/userspace" "${CMAKE_SOURCE_DIR}/bpf")
if(CALLGATE_SANITIZE)
  add_compile_options(-fsanitize=${CALLGATE_SANITIZE} -fno-omit-frame-pointer -g1)
  add_link_options(-fsanitize=${CALLGATE_SANITIZE})
endif()
if(CALLGATE_FUZZ)
  # Coverage of everything that a target runs guides libFuzzer; without it inputs are drawn blindly.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# callgate_library(NAME SOURCES a.cpp ... [PUBLIC targets] [PRIVATE targets])
# A room of userspace/: a static library callgate::NAME. PUBLIC and PRIVATE are the rooms and libraries it may include;
# tests/unit/includes_test.py holds #include lines to what is declared here.
function(callgate_library NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(callgate_${NAME} STATIC ${ARG_SOURCES})
  add_library(callgate::${NAME} ALIAS callgate_${NAME})
  target_link_libraries(callgate_${NAME} PUBLIC callgate_options ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
endfunction()

# callgate_test(NAME SOURCES a.cpp ... LINK targets [LABELS l ...])
# A Catch2 program; ctest runs it as one test called NAME. Labels: unit (the default), sanitized (built and run again under
# AddressSanitizer and UndefinedBehaviorSanitizer), threads (also under ThreadSanitizer), kernel, integration, package, emulated. The
# targets sanitized_tests, threads_tests and fuzz_tests build what carries the label. A test that needs root and has it
# not skips by exiting with 77.
add_custom_target(sanitized_tests)
add_custom_target(threads_tests)
add_custom_target(fuzz_tests)
function(callgate_test NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${NAME} ${ARG_SOURCES})
  target_link_libraries(${NAME} PRIVATE ${ARG_LINK} callgate::test_main)
  target_compile_options(${NAME} PRIVATE -O0)  # half the time to compile; what is tested keeps its optimization
  add_test(NAME ${NAME} COMMAND ${NAME})
  set_tests_properties(${NAME} PROPERTIES SKIP_RETURN_CODE 77 TIMEOUT 600 LABELS "${ARG_LABELS}")
  foreach(label IN LISTS ARG_LABELS)
    if(TARGET ${label}_tests)
      add_dependencies(${label}_tests ${NAME})
    endif()
  endforeach()
endfunction()

# callgate_fuzz(NAME SOURCES a.cpp ... LINK targets): a libFuzzer target; its seeds are in corpus/NAME beside it. As a
# test it starts from one seed, so that what fails is the change and not the dice, and prints nothing but a failure.
function(callgate_fuzz NAME)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${NAME} ${ARG_SOURCES})
  target_link_libraries(${NAME} PRIVATE ${ARG_LINK})
  target_link_options(${NAME} PRIVATE -fsanitize=fuzzer)
  add_test(NAME ${NAME} COMMAND ${NAME} -seed=1 -verbosity=0 -max_total_time=10 -rss_limit_mb=2048 -timeout=10
    "${CMAKE_CURRENT_BINARY_DIR}/${NAME}.work" "${CMAKE_CURRENT_SOURCE_DIR}/corpus/${NAME}")
  file(MAKE_DIRECTORY "${CMAKE_CURRENT_BINARY_DIR}/${NAME}.work")
  set_tests_properties(${NAME} PROPERTIES LABELS fuzz)
  add_dependencies(fuzz_tests ${NAME})
endfunction()
