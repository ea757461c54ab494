# What every room's CMakeLists.txt uses: the language level, our own warnings, one function a room.
option(LASTACK_TESTS "build the tests" ${PROJECT_IS_TOP_LEVEL})
option(LASTACK_COMMAND "build the command `lastack`" ${PROJECT_IS_TOP_LEVEL})
option(LASTACK_MUTANTS "build in the deliberate mistakes that the tests must find" OFF)
option(LASTACK_FUZZ "build the fuzzers (needs clang)" OFF)
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
endfunction()

# lastack_tests(NAME): one test program from tests/NAME/*.cpp, with GoogleTest.
function(lastack_tests name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/tests/${name}/*_test.cpp")
  if(NOT sources)
    return()
  endif()
  add_executable(test_${name} ${sources})
  target_include_directories(test_${name} PRIVATE "${PROJECT_SOURCE_DIR}/tests")
  target_link_options(test_${name} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fno-lto>)  # quicker to build
  target_link_libraries(test_${name} PRIVATE lastack GTest::gtest_main GTest::gmock)
  add_test(NAME ${name} COMMAND test_${name})
endfunction()
