# Timing on a GPU, with stand-ins for it.
if(TARGET fcmc)
    add_test(NAME e2e.device COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/e2e/device.sh $<TARGET_FILE:fcmc>)
    set_tests_properties(e2e.device PROPERTIES LABELS "e2e;compiled" TIMEOUT 1200 SKIP_RETURN_CODE 77)
endif()
