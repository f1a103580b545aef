fcm_unit_test(test_std USES fcm_graph)
