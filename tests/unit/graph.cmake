fcm_unit_test(test_graph USES fcm_graph)
