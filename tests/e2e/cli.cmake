if(TARGET fcmc)
    add_test(NAME e2e.cli COMMAND sh ${CMAKE_CURRENT_SOURCE_DIR}/e2e/cli.sh $<TARGET_FILE:fcmc>)
    set_tests_properties(e2e.cli PROPERTIES LABELS e2e TIMEOUT 300)
endif()
