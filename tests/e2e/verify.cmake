# Every example that all targets compile, verified by the command: exact and bounded, bytes, CUDA text on the host.
if(TARGET fcmc)
    set(blocks "")
    foreach(i RANGE 16)
        list(APPEND blocks b${i})
    endforeach()
    list(JOIN blocks "," blocks)
    add_test(NAME e2e.verify_mobilenetv2_blocks COMMAND fcmc verify examples/mobilenetv2_blocks.fcm --block ${blocks}
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    add_test(NAME e2e.verify_acts COMMAND fcmc verify examples/acts.fcm --batch 2 --block
             a_id,a_relu,a_relu6,a_leaky,a_clamp,a_silu,a_gelu,a_gelu_tanh,a_hswish,a_hsigmoid,a_sigmoid,a_tanh
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    add_test(NAME e2e.verify_ragged COMMAND fcmc verify examples/ragged.fcm --batch 2 --block r0,r1,r2,r3,r4,r5,r6,r7,r8
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    add_test(NAME e2e.verify_forms COMMAND fcmc verify examples/mbconv.fcm examples/mbconv_f32.fcm examples/pwpw.fcm examples/dw5.fcm
             examples/dw7.fcm examples/two_outputs.fcm WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    add_test(NAME e2e.verify_mobilenetv1_pairs COMMAND fcmc verify examples/mobilenetv1_pairs.fcm --block p1,p2,p3,p4,p5,p6,p7,p8,p9,p10,p11,p12,p13
             WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    add_test(NAME e2e.verify_xception_pair COMMAND fcmc verify examples/xception_pair.fcm WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    add_test(NAME e2e.verify_dwpwdw COMMAND fcmc verify examples/dwpwdw.fcm --block v1,v1_two,xception WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    add_test(NAME e2e.verify_race COMMAND fcmc verify examples/mbconv.fcm --target cuda --race WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    # persistent blocks: no image, fewer tiles than blocks, more
    foreach(batch 0 1 3)
        add_test(NAME e2e.verify_persistent_${batch} COMMAND fcmc verify examples/persistent.fcm --target cuda --device h200 --batch ${batch}
                 --block halo,few,ahead,band,rows,split,streamed,pair,ring,narrow WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    endforeach()
    add_test(NAME e2e.verify_persistent_race COMMAND fcmc verify examples/persistent.fcm --target cuda --device h200 --batch 2 --race
             --block few,ahead,band,rows,split,streamed,ring,narrow WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
    set_tests_properties(e2e.verify_mobilenetv2_blocks e2e.verify_acts e2e.verify_ragged e2e.verify_forms e2e.verify_race
                         e2e.verify_mobilenetv1_pairs e2e.verify_xception_pair e2e.verify_dwpwdw
                         e2e.verify_persistent_0 e2e.verify_persistent_1 e2e.verify_persistent_3 e2e.verify_persistent_race
                         PROPERTIES LABELS "e2e;compiled" TIMEOUT 900 SKIP_RETURN_CODE 77)
endif()
