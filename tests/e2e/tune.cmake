if(TARGET fcmc)
    add_test(NAME e2e.tune COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/e2e/tune.sh $<TARGET_FILE:fcmc>)
    set_tests_properties(e2e.tune PROPERTIES LABELS e2e TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()
