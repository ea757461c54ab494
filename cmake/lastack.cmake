# What every room's CMakeLists.txt uses: the language level, our own warnings, one function a room.
option(LASTACK_TESTS "build the tests" ${PROJECT_IS_TOP_LEVEL})
option(LASTACK_COMMAND "build the command `lastack`" ${PROJECT_IS_TOP_LEVEL})
option(LASTACK_BINDINGS "build the library for C, and what calls it" ${PROJECT_IS_TOP_LEVEL})
option(LASTACK_MUTANTS "build in the deliberate mistakes that the tests must find" OFF)
option(LASTACK_FUZZ "build the fuzzers (needs clang)" OFF)
option(LASTACK_TOGETHER "compile the files of a room together" ON)
option(LASTACK_STRICT "warnings as errors, for those who work on lastack itself" ${PROJECT_IS_TOP_LEVEL})

add_library(lastack_build INTERFACE)
target_compile_features(lastack_build INTERFACE cxx_std_23)
if(LASTACK_STRICT)
  target_compile_options(lastack_build INTERFACE -Wall -Wextra -Wconversion -Werror)
endif()

# lastack_room(NAME): compiles src/NAME/**.cpp into the library. Includes are written from src/.
function(lastack_room name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cpp")
  target_sources(lastack PRIVATE ${sources})
  set_source_files_properties(${sources} PROPERTIES UNITY_GROUP ${ARGV1})
endfunction()

# lastack_together(TARGET): its files become one translation unit, or one for each UNITY_GROUP. Most
# of what compiling a file takes are the headers of others: together a clean build takes a third of
# the time, and functions are inlined across files. Names in anonymous namespaces must differ then,
# within a namespace; tests/style sees to it that each file still compiles by itself.
function(lastack_together target)
  if(LASTACK_TOGETHER)
    set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  endif()
endfunction()

# lastack_tests(NAME): one test program from tests/NAME/*.cpp, with GoogleTest.
function(lastack_tests name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${name}/*_test.cpp")
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_compile_definitions(test_${name} PRIVATE LASTACK_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  lastack_together(test_${name})
  target_link_libraries(test_${name} PRIVATE lastack GTest::gtest_main GTest::gmock)
  add_test(NAME ${name} COMMAND test_${name})
endfunction()
