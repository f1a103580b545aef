fcm_unit_test(test_tm_lowered USES fcm_planner)
fcm_unit_test(test_chain_head USES fcm_planner)
fcm_unit_test(test_chain_kept USES fcm_planner)
fcm_unit_test(test_cpu_form USES fcm_planner fcm_backends)
