	.file	"<string>"
	.section	.ltext,"axl",@progbits
	.globl	_ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE
	.p2align	4
	.type	_ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE,@function
_ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	pushq	%r15
	.cfi_def_cfa_offset 24
	pushq	%r14
	.cfi_def_cfa_offset 32
	pushq	%r13
	.cfi_def_cfa_offset 40
	pushq	%r12
	.cfi_def_cfa_offset 48
	pushq	%rbx
	.cfi_def_cfa_offset 56
	subq	$408, %rsp
	.cfi_def_cfa_offset 464
	.cfi_offset %rbx, -56
	.cfi_offset %r12, -48
	.cfi_offset %r13, -40
	.cfi_offset %r14, -32
	.cfi_offset %r15, -24
	.cfi_offset %rbp, -16
	movq	672(%rsp), %rbx
	movq	616(%rsp), %r13
	movq	560(%rsp), %rbp
	movq	504(%rsp), %r15
	movq	480(%rsp), %r14
	movabsq	$NRT_incref, %r12
	movq	%rdi, 160(%rsp)
	vpxor	%xmm0, %xmm0, %xmm0
	movq	%rdx, %rdi
	movq	%r9, 192(%rsp)
	movq	%r8, 184(%rsp)
	movq	%rcx, 176(%rsp)
	movq	%rsi, 8(%rsp)
	vmovdqu64	%zmm0, 320(%rsp)
	movq	$0, 384(%rsp)
	movq	$0, 128(%rsp)
	movq	$0, 312(%rsp)
	movq	$0, 120(%rsp)
	movq	%rdx, 80(%rsp)
	vzeroupper
	callq	*%r12
	movq	%r15, %rdi
	callq	*%r12
	movq	%rbp, %rdi
	callq	*%r12
	movq	%r13, %rdi
	movq	%r14, %r13
	callq	*%r12
	movq	%rbx, %rdi
	callq	*%r12
	movq	728(%rsp), %rdi
	callq	*%r12
	movq	784(%rsp), %rdi
	callq	*%r12
	movq	840(%rsp), %rdi
	callq	*%r12
	movq	896(%rsp), %rdi
	callq	*%r12
	movq	952(%rsp), %rdi
	callq	*%r12
	movq	1008(%rsp), %rdi
	callq	*%r12
	movq	1064(%rsp), %rdi
	callq	*%r12
	movq	1120(%rsp), %rdi
	callq	*%r12
	testq	%r14, %r14
	js	.LBB0_1
	movq	%r13, %rax
	shrq	$56, %rax
	jne	.LBB0_4
	movq	%r13, %r14
	shlq	$7, %r14
	movabsq	$NRT_MemInfo_alloc_aligned, %rax
	movl	$32, %esi
	movq	%r14, %rdi
	callq	*%rax
	testq	%rax, %rax
	je	.LBB0_6
	movq	24(%rax), %rbx
	movabsq	$memset, %rcx
	leaq	360(%rsp), %r15
	leaq	376(%rsp), %rbp
	xorl	%esi, %esi
	movq	%r14, %rdx
	movq	%r14, 88(%rsp)
	movq	%rax, %r14
	movq	%rbx, %rdi
	callq	*%rcx
	movq	88(%rsp), %rax
	movq	%r14, 320(%rsp)
	movq	$0, 328(%rsp)
	movq	%r14, 72(%rsp)
	movq	%rbx, 168(%rsp)
	leaq	128(%rsp), %r8
	leaq	312(%rsp), %r9
	movl	$2, %edi
	movl	$1, %ecx
	movq	%r15, %rsi
	movq	%rbp, %rdx
	movq	%rax, 336(%rsp)
	movq	$1, 344(%rsp)
	movq	%rbx, 352(%rsp)
	movq	%r13, 360(%rsp)
	movq	$128, 368(%rsp)
	movq	$128, 376(%rsp)
	movq	%rax, 128(%rsp)
	movq	$1, 384(%rsp)
	movabsq	$numba_attempt_nocopy_reshape, %rax
	pushq	$0
	.cfi_adjust_cfa_offset 8
	pushq	$1
	.cfi_adjust_cfa_offset 8
	callq	*%rax
	addq	$16, %rsp
	.cfi_adjust_cfa_offset -16
	testl	%eax, %eax
	je	.LBB0_25
	movq	320(%rsp), %r14
	movq	352(%rsp), %r15
	movq	%r14, %rdi
	callq	*%r12
	movl	$1024, %edi
	movl	$32, %esi
	movabsq	$NRT_MemInfo_alloc_aligned, %r12
	callq	*%r12
	testq	%rax, %rax
	je	.LBB0_28
	movq	768(%rsp), %rcx
	movq	%rax, %rbx
	movq	760(%rsp), %rbp
	movq	24(%rbx), %r13
	movl	$1, %eax
	movq	%r15, 104(%rsp)
	movl	$2, %r15d
	vpxor	%xmm0, %xmm0, %xmm0
	cmpq	$2, %rcx
	vmovdqu64	%zmm0, 960(%r13)
	vmovdqu64	%zmm0, 896(%r13)
	vmovdqu64	%zmm0, 832(%r13)
	vmovdqu64	%zmm0, 768(%r13)
	vmovdqu64	%zmm0, 704(%r13)
	vmovdqu64	%zmm0, 640(%r13)
	vmovdqu64	%zmm0, 576(%r13)
	vmovdqu64	%zmm0, 512(%r13)
	vmovdqu64	%zmm0, 448(%r13)
	vmovdqu64	%zmm0, 384(%r13)
	vmovdqu64	%zmm0, 320(%r13)
	vmovdqu64	%zmm0, 256(%r13)
	vmovdqu64	%zmm0, 192(%r13)
	vmovdqu64	%zmm0, 128(%r13)
	vmovdqu64	%zmm0, 64(%r13)
	vmovdqu64	%zmm0, (%r13)
	cmovgeq	%rcx, %rax
	leaq	-1(%rax), %rsi
	cmpq	$2, %rcx
	jl	.LBB0_12
	cmpq	$5, %rcx
	jge	.LBB0_32
	xorl	%ecx, %ecx
	xorl	%r15d, %r15d
	incq	%rcx
	jmp	.LBB0_7
.LBB0_25:
	movabsq	$.const.picklebuf.dc3bba832c4c3758273d0db24b835691af3f316c, %rax
	jmp	.LBB0_2
.LBB0_32:
	cmpq	$33, %rcx
	jge	.LBB0_34
	xorl	%ecx, %ecx
	xorl	%r15d, %r15d
	jmp	.LBB0_38
.LBB0_34:
	movq	%rsi, %rcx
	andq	$-32, %rcx
	xorl	%edx, %edx
	vpxor	%xmm1, %xmm1, %xmm1
	vpxor	%xmm2, %xmm2, %xmm2
	vpxor	%xmm3, %xmm3, %xmm3
	.p2align	4
.LBB0_35:
	vmovdqu64	72(%rbp,%rdx,8), %zmm5
	vmovdqu64	8(%rbp,%rdx,8), %zmm4
	vmovdqu64	136(%rbp,%rdx,8), %zmm6
	vmovdqu64	200(%rbp,%rdx,8), %zmm7
	vpsubq	64(%rbp,%rdx,8), %zmm5, %zmm5
	vpsubq	(%rbp,%rdx,8), %zmm4, %zmm4
	vpsubq	128(%rbp,%rdx,8), %zmm6, %zmm6
	vpmaxsq	%zmm1, %zmm5, %zmm1
	vpsubq	192(%rbp,%rdx,8), %zmm7, %zmm5
	vpmaxsq	%zmm0, %zmm4, %zmm0
	vpmaxsq	%zmm2, %zmm6, %zmm2
	addq	$32, %rdx
	vpmaxsq	%zmm3, %zmm5, %zmm3
	cmpq	%rdx, %rcx
	jne	.LBB0_35
	vpmaxsq	%zmm1, %zmm0, %zmm0
	vpmaxsq	%zmm3, %zmm2, %zmm2
	vpmaxsq	%zmm2, %zmm0, %zmm0
	vextracti64x4	$1, %zmm0, %ymm1
	vpmaxsq	%zmm1, %zmm0, %zmm0
	vextracti128	$1, %ymm0, %xmm1
	vpmaxsq	%xmm1, %xmm0, %xmm0
	vpshufd	$238, %xmm0, %xmm1
	vpmaxsq	%xmm1, %xmm0, %xmm0
	vmovq	%xmm0, %r15
	cmpq	%rcx, %rsi
	je	.LBB0_8
	testb	$28, %sil
	je	.LBB0_41
.LBB0_38:
	movq	%rcx, %rdx
	movq	%rsi, %rcx
	andq	$-4, %rcx
	vpbroadcastq	%r15, %ymm0
	.p2align	4
.LBB0_39:
	vmovdqu	8(%rbp,%rdx,8), %ymm1
	vpsubq	(%rbp,%rdx,8), %ymm1, %ymm1
	addq	$4, %rdx
	vpmaxsq	%ymm0, %ymm1, %ymm0
	cmpq	%rdx, %rcx
	jne	.LBB0_39
	vextracti128	$1, %ymm0, %xmm1
	vpmaxsq	%xmm1, %xmm0, %xmm0
	vpshufd	$238, %xmm0, %xmm1
	vpmaxsq	%xmm1, %xmm0, %xmm0
	vmovq	%xmm0, %r15
	cmpq	%rcx, %rsi
	je	.LBB0_8
.LBB0_41:
	incq	%rcx
	.p2align	4
.LBB0_7:
	movq	%r15, %rdx
	movq	(%rbp,%rcx,8), %r15
	subq	-8(%rbp,%rcx,8), %r15
	cmpq	%rdx, %r15
	cmovleq	%rdx, %r15
	incq	%rcx
	cmpq	%rcx, %rax
	jne	.LBB0_7
.LBB0_8:
	shlq	$2, %r15
	testq	%r15, %r15
	js	.LBB0_9
	movq	%r15, %rax
	shrq	$60, %rax
	jne	.LBB0_42
	orq	$2, %r15
.LBB0_12:
	leaq	(,%r15,8), %rdi
	movq	%rsi, 16(%rsp)
	movl	$32, %esi
	movq	%r12, %rax
	movq	%rdi, %r12
	vzeroupper
	callq	*%rax
	testq	%rax, %rax
	je	.LBB0_13
	movq	24(%rax), %rdi
	movq	%rbx, 144(%rsp)
	movq	472(%rsp), %rbx
	movq	%rax, 136(%rsp)
	movabsq	$memset, %rax
	movq	%r14, 152(%rsp)
	xorl	%esi, %esi
	movq	%r12, %rdx
	movq	%rdi, (%rsp)
	callq	*%rax
	leaq	127(%rbx), %rdx
	shrq	$7, %rdx
	testq	%rbx, %rbx
	setle	%al
	testq	%rdx, %rdx
	sete	%cl
	orb	%al, %cl
	je	.LBB0_44
.LBB0_18:
	movq	1064(%rsp), %rdi
	movabsq	$NRT_decref, %rbx
	vzeroupper
	callq	*%rbx
	movq	784(%rsp), %rdi
	callq	*%rbx
	movq	144(%rsp), %rdi
	callq	*%rbx
	movq	840(%rsp), %rdi
	callq	*%rbx
	movq	728(%rsp), %rdi
	callq	*%rbx
	movq	952(%rsp), %rdi
	callq	*%rbx
	movq	136(%rsp), %rdi
	callq	*%rbx
	movq	504(%rsp), %rdi
	callq	*%rbx
	movq	896(%rsp), %rdi
	callq	*%rbx
	movq	1120(%rsp), %rdi
	callq	*%rbx
	movq	152(%rsp), %rdi
	callq	*%rbx
	movq	1008(%rsp), %rdi
	callq	*%rbx
	movq	616(%rsp), %rdi
	callq	*%rbx
	movq	560(%rsp), %rdi
	callq	*%rbx
	movq	72(%rsp), %rdi
	callq	*%rbx
	movq	672(%rsp), %rdi
	callq	*%rbx
	movq	80(%rsp), %rdi
	callq	*%rbx
	movq	160(%rsp), %rax
	movq	$0, (%rax)
	xorl	%eax, %eax
	jmp	.LBB0_19
.LBB0_44:
	movq	(%rsp), %rax
	movq	1152(%rsp), %r12
	movq	1104(%rsp), %rbx
	movq	1096(%rsp), %r14
	movq	536(%rsp), %rcx
	movq	472(%rsp), %rdi
	xorl	%r9d, %r9d
	movq	%r15, 24(%rsp)
	leaq	24(%rax), %rsi
	movq	%rsi, 240(%rsp)
	leaq	8(%rax), %rsi
	addq	$72, %rax
	movq	%rsi, 248(%rsp)
	xorl	%esi, %esi
	movq	%rax, 232(%rsp)
	jmp	.LBB0_45
	.p2align	4
.LBB0_17:
	movq	216(%rsp), %rsi
	movq	40(%rsp), %rcx
	movq	208(%rsp), %rdi
	movq	224(%rsp), %rax
	subq	$-128, %r9
	incq	%rsi
	addq	$1024, %rcx
	addq	$-128, %rdi
	leaq	-1(%rax), %rdx
	cmpq	$1, %rax
	jle	.LBB0_18
.LBB0_45:
	movq	472(%rsp), %r11
	cmpq	$128, %rdi
	movl	$128, %eax
	movq	%rcx, 40(%rsp)
	movq	%rdx, 224(%rsp)
	movq	%rdi, 208(%rsp)
	movq	%rsi, 216(%rsp)
	cmovlq	%rdi, %rax
	movq	%rax, 48(%rsp)
	movq	%rsi, %rax
	shlq	$7, %rax
	movq	%r11, %rcx
	subq	%rax, %rcx
	movl	$128, %eax
	cmpq	$128, %rcx
	cmovgeq	%rax, %rcx
	movq	%rcx, 96(%rsp)
	movq	%r11, %rcx
	subq	%r9, %rcx
	cmpq	$128, %rcx
	movq	%rcx, 200(%rsp)
	cmovlq	%rcx, %rax
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	%r9, %r11
	movq	88(%rsp), %rdx
	movq	184(%rsp), %rcx
	movq	192(%rsp), %r8
	movq	200(%rsp), %r9
	leaq	408(%rsp), %rdi
	leaq	128(%rsp), %rsi
	pushq	$1
	.cfi_adjust_cfa_offset 8
	pushq	$128
	.cfi_adjust_cfa_offset 8
	pushq	$128
	.cfi_adjust_cfa_offset 8
	movq	512(%rsp), %r10
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	pushq	208(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	$1
	.cfi_adjust_cfa_offset 8
	pushq	144(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	$0
	.cfi_adjust_cfa_offset 8
	pushq	144(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	800(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	%rax
	.cfi_adjust_cfa_offset 8
	movq	%r11, 312(%rsp)
	pushq	%r11
	.cfi_adjust_cfa_offset 8
	pushq	760(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	760(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	pushq	760(%rsp)
	.cfi_adjust_cfa_offset 8
	pushq	760(%rsp)
	.cfi_adjust_cfa_offset 8
	movabsq	$_ZN5proto4rankB3v15B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedExx5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi2E1C7mutable7alignedE, %rax
	vzeroupper
	callq	*%rax
	addq	$304, %rsp
	.cfi_adjust_cfa_offset -304
	testl	%eax, %eax
	jne	.LBB0_68
	cmpq	$2, 768(%rsp)
	movq	16(%rsp), %rsi
	movq	(%rsp), %rdi
	movq	56(%rsp), %r9
	movq	48(%rsp), %r10
	vpcmpeqd	%xmm2, %xmm2, %xmm2
	vpxor	%xmm0, %xmm0, %xmm0
	vmovdqu64	%zmm0, 960(%r13)
	vmovdqu64	%zmm0, 896(%r13)
	vmovdqu64	%zmm0, 832(%r13)
	vmovdqu64	%zmm0, 768(%r13)
	vmovdqu64	%zmm0, 704(%r13)
	vmovdqu64	%zmm0, 640(%r13)
	vmovdqu64	%zmm0, 576(%r13)
	vmovdqu64	%zmm0, 512(%r13)
	vmovdqu64	%zmm0, 448(%r13)
	vmovdqu64	%zmm0, 384(%r13)
	vmovdqu64	%zmm0, 320(%r13)
	vmovdqu64	%zmm0, 256(%r13)
	vmovdqu64	%zmm0, 192(%r13)
	vmovdqu64	%zmm0, 128(%r13)
	vmovdqu64	%zmm0, 64(%r13)
	vmovdqu64	%zmm0, (%r13)
	jl	.LBB0_22
	xorl	%r11d, %r11d
	.p2align	4
.LBB0_48:
	movq	8(%rbp,%r11,8), %rdx
	movq	(%rbp,%r11,8), %r8
	vmovdqu	%xmm2, (%rdi)
	movl	$0, %eax
	movq	%rdx, %rcx
	subq	%r8, %rcx
	testq	%rcx, %rcx
	cmovgq	%rcx, %rax
	movq	%rax, 272(%rsp)
	jle	.LBB0_69
	leaq	1(%r8), %rax
	movq	%r11, 64(%rsp)
	movq	%r8, 32(%rsp)
	cmpq	%rax, %rdx
	jne	.LBB0_51
	xorl	%r8d, %r8d
	jmp	.LBB0_54
	.p2align	4
.LBB0_69:
	movq	1040(%rsp), %rax
	vmovdqu64	(%r12), %zmm1
	vmovdqu64	64(%r12), %zmm0
	movq	(%rax,%r11,8), %r8
	jmp	.LBB0_65
	.p2align	4
.LBB0_51:
	movq	%rdx, 256(%rsp)
	movq	984(%rsp), %rdx
	movq	928(%rsp), %rdi
	movabsq	$9223372036854775800, %rax
	movq	%rcx, 264(%rsp)
	movq	240(%rsp), %rbp
	leaq	6(%rax), %rsi
	andq	%rcx, %rsi
	movq	816(%rsp), %rcx
	movq	%rsi, 304(%rsp)
	leaq	(%rdx,%r8,8), %rax
	movq	872(%rsp), %rdx
	movq	%rax, 296(%rsp)
	leaq	(%rdi,%r8,8), %rax
	movq	%rax, 112(%rsp)
	leaq	(%rdx,%r8), %rax
	movq	%rax, 288(%rsp)
	leaq	(%rcx,%r8,8), %rax
	xorl	%r8d, %r8d
	movq	%rax, 280(%rsp)
	.p2align	4
.LBB0_52:
	movq	32(%rsp), %r9
	movq	824(%rsp), %rax
	movq	280(%rsp), %rdx
	movq	936(%rsp), %rdi
	movq	880(%rsp), %rcx
	movq	288(%rsp), %r12
	movq	112(%rsp), %rbx
	movq	296(%rsp), %r14
	movq	104(%rsp), %r15
	leaq	(%r9,%r8), %r11
	sarq	$63, %r11
	movq	%r11, %rsi
	andq	%rax, %rsi
	movq	%r11, %r10
	andq	%rdi, %r10
	movq	992(%rsp), %rdi
	movq	%r11, %rax
	andq	%rcx, %rax
	leaq	(%rdx,%rsi,8), %rsi
	addq	%r12, %rax
	leaq	(%rbx,%r10,8), %r10
	vpbroadcastb	(%r8,%rax), %zmm0
	movq	(%rsi,%r8,8), %rsi
	andq	%rdi, %r11
	movq	(%r10,%r8,8), %rdi
	leaq	(%r14,%r11,8), %r11
	shlq	$7, %rsi
	movq	(%r11,%r8,8), %r11
	vpcmpltub	(%r15,%rsi), %zmm0, %k0
	kmovq	-24(%rbp), %k1
	movq	24(%rsp), %rcx
	movq	(%rsp), %rbx
	movq	%rdi, %r10
	sarq	$63, %r10
	shlq	$4, %rdi
	movq	%r11, %rax
	sarq	$63, %rax
	shlq	$4, %r11
	andq	%rcx, %rax
	addq	%rbx, %r11
	andq	%rcx, %r10
	addq	%rbx, %rdi
	kandq	%k0, %k1, %k2
	kandnq	%k1, %k0, %k0
	kmovq	%k2, (%r11,%rax,8)
	kmovq	%k0, (%rdi,%r10,8)
	vpcmpltub	64(%r15,%rsi), %zmm0, %k0
	kmovq	-16(%rbp), %k1
	kandq	%k0, %k1, %k2
	kandnq	%k1, %k0, %k0
	kmovq	%k2, 8(%r11,%rax,8)
	leaq	1(%r9,%r8), %rax
	kmovq	%k0, 8(%rdi,%r10,8)
	sarq	$63, %rax
	movq	%rax, %rsi
	andq	824(%rsp), %rsi
	movq	%rax, %rdi
	andq	880(%rsp), %rdi
	movq	%rax, %r10
	andq	992(%rsp), %rax
	andq	936(%rsp), %r10
	leaq	(%rdx,%rsi,8), %rsi
	movq	112(%rsp), %rdx
	addq	%r12, %rdi
	leaq	(%r14,%rax,8), %rax
	vpbroadcastb	1(%r8,%rdi), %zmm0
	movq	8(%rsi,%r8,8), %rsi
	movq	8(%rax,%r8,8), %rax
	leaq	(%rdx,%r10,8), %r10
	shlq	$7, %rsi
	movq	8(%r10,%r8,8), %r10
	movq	%rax, %rdi
	sarq	$63, %rdi
	shlq	$4, %rax
	addq	$2, %r8
	vpcmpltub	(%r15,%rsi), %zmm0, %k0
	kmovq	-8(%rbp), %k1
	andq	%rcx, %rdi
	addq	%rbx, %rax
	movq	%r10, %r11
	sarq	$63, %r11
	shlq	$4, %r10
	andq	%rcx, %r11
	addq	%rbx, %r10
	kandq	%k0, %k1, %k2
	kandnq	%k1, %k0, %k0
	kmovq	%k2, (%rax,%rdi,8)
	kmovq	%k0, (%r10,%r11,8)
	vpcmpltub	64(%r15,%rsi), %zmm0, %k0
	kmovq	(%rbp), %k1
	addq	$32, %rbp
	kandq	%k0, %k1, %k2
	kandnq	%k1, %k0, %k0
	kmovq	%k2, 8(%rax,%rdi,8)
	kmovq	%k0, 8(%r10,%r11,8)
	cmpq	%r8, 304(%rsp)
	jne	.LBB0_52
	movq	264(%rsp), %rcx
	movq	1096(%rsp), %r14
	movq	1152(%rsp), %r12
	movq	256(%rsp), %rdx
	testb	$1, %cl
	je	.LBB0_55
.LBB0_54:
	movq	32(%rsp), %rax
	movq	928(%rsp), %rsi
	movq	(%rsp), %r15
	leaq	(%r8,%rax), %r9
	movq	816(%rsp), %rax
	shlq	$4, %r8
	leaq	(%rsi,%r9,8), %rdi
	movq	984(%rsp), %rsi
	movq	%r9, %r11
	sarq	$63, %r11
	movq	%r11, %rbp
	andq	880(%rsp), %rbp
	leaq	(%rax,%r9,8), %rax
	leaq	(%rsi,%r9,8), %r10
	movq	%r11, %rsi
	andq	824(%rsp), %rsi
	movq	(%rax,%rsi,8), %rsi
	movq	%r11, %rax
	andq	936(%rsp), %rax
	andq	992(%rsp), %r11
	movq	(%rdi,%rax,8), %rax
	movq	(%r10,%r11,8), %rdi
	movq	872(%rsp), %r10
	movq	104(%rsp), %r11
	shlq	$7, %rsi
	addq	%r10, %r9
	movq	%rax, %r10
	shlq	$4, %rax
	sarq	$63, %r10
	vpbroadcastb	(%rbp,%r9), %zmm0
	movq	%rdi, %r9
	shlq	$4, %rdi
	sarq	$63, %r9
	addq	%r15, %rax
	vpcmpltub	(%r11,%rsi), %zmm0, %k0
	kmovq	(%r15,%r8), %k1
	movq	24(%rsp), %rbx
	addq	%r15, %rdi
	andq	%rbx, %r9
	andq	%rbx, %r10
	kandq	%k0, %k1, %k2
	kandnq	%k1, %k0, %k0
	kmovq	%k2, (%rdi,%r9,8)
	kmovq	%k0, (%rax,%r10,8)
	vpcmpltub	64(%r11,%rsi), %zmm0, %k0
	kmovq	8(%r15,%r8), %k1
	kandq	%k0, %k1, %k2
	kandnq	%k1, %k0, %k0
	kmovq	%k2, 8(%rdi,%r9,8)
	kmovq	%k0, 8(%rax,%r10,8)
.LBB0_55:
	movq	1040(%rsp), %rax
	movq	64(%rsp), %r11
	vmovdqu64	(%r12), %zmm1
	vmovdqu64	64(%r12), %zmm0
	movq	272(%rsp), %rbp
	movl	$1, %r10d
	movq	(%rax,%r11,8), %r8
	movl	%ebp, %r9d
	andl	$7, %r9d
	cmpq	$8, %rcx
	jge	.LBB0_57
	movq	760(%rsp), %rbp
	movq	16(%rsp), %rsi
	movq	(%rsp), %rdi
	movq	24(%rsp), %r15
	movq	1104(%rsp), %rbx
	jmp	.LBB0_62
	.p2align	4
.LBB0_57:
	movq	32(%rsp), %rsi
	movq	%rdx, %r11
	shlq	$4, %r11
	movq	(%rsp), %rdi
	movq	24(%rsp), %r15
	movq	1104(%rsp), %rbx
	movabsq	$9223372036854775800, %rax
	xorl	%r10d, %r10d
	andq	%rax, %rbp
	shlq	$4, %rsi
	subq	%rsi, %r11
	addq	232(%rsp), %r11
	.p2align	4
.LBB0_58:
	leaq	1(%rcx,%r10), %rax
	leal	1(%r10), %esi
	sarq	$63, %rax
	andq	%r15, %rax
	kmovq	-56(%r11,%rax,8), %k1
	vpbroadcastb	%esi, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	-48(%r11,%rax,8), %k1
	leaq	2(%rcx,%r10), %rax
	sarq	$63, %rax
	andq	%r15, %rax
	vpbroadcastb	%esi, %zmm0 {%k1}
	leal	2(%r10), %esi
	vmovdqu64	%zmm0, 64(%r12)
	kmovq	-40(%r11,%rax,8), %k1
	vpbroadcastb	%esi, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	-32(%r11,%rax,8), %k1
	leaq	3(%rcx,%r10), %rax
	sarq	$63, %rax
	andq	%r15, %rax
	vpbroadcastb	%esi, %zmm0 {%k1}
	leal	3(%r10), %esi
	vmovdqu64	%zmm0, 64(%r12)
	kmovq	-24(%r11,%rax,8), %k1
	vpbroadcastb	%esi, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	-16(%r11,%rax,8), %k1
	leaq	4(%rcx,%r10), %rax
	sarq	$63, %rax
	andq	%r15, %rax
	vpbroadcastb	%esi, %zmm0 {%k1}
	leal	4(%r10), %esi
	vmovdqu64	%zmm0, 64(%r12)
	kmovq	-8(%r11,%rax,8), %k1
	vpbroadcastb	%esi, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	(%r11,%rax,8), %k1
	leaq	5(%rcx,%r10), %rax
	sarq	$63, %rax
	andq	%r15, %rax
	vpbroadcastb	%esi, %zmm0 {%k1}
	leal	5(%r10), %esi
	vmovdqu64	%zmm0, 64(%r12)
	kmovq	8(%r11,%rax,8), %k1
	vpbroadcastb	%esi, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	16(%r11,%rax,8), %k1
	leaq	6(%rcx,%r10), %rax
	sarq	$63, %rax
	andq	%r15, %rax
	vpbroadcastb	%esi, %zmm0 {%k1}
	leal	6(%r10), %esi
	vmovdqu64	%zmm0, 64(%r12)
	kmovq	24(%r11,%rax,8), %k1
	vpbroadcastb	%esi, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	32(%r11,%rax,8), %k1
	leaq	7(%rcx,%r10), %rax
	sarq	$63, %rax
	andq	%r15, %rax
	vpbroadcastb	%esi, %zmm0 {%k1}
	leal	7(%r10), %esi
	vmovdqu64	%zmm0, 64(%r12)
	kmovq	40(%r11,%rax,8), %k1
	vpbroadcastb	%esi, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	48(%r11,%rax,8), %k1
	leaq	8(%rcx,%r10), %rax
	addq	$8, %r10
	sarq	$63, %rax
	andq	%r15, %rax
	vpbroadcastb	%esi, %zmm0 {%k1}
	vmovdqu64	%zmm0, 64(%r12)
	kmovq	56(%r11,%rax,8), %k1
	vpbroadcastb	%r10d, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	64(%r11,%rax,8), %k1
	subq	$-128, %r11
	vpbroadcastb	%r10d, %zmm0 {%k1}
	vmovdqu64	%zmm0, 64(%r12)
	cmpq	%r10, %rbp
	jne	.LBB0_58
	movq	760(%rsp), %rbp
	testq	%r9, %r9
	je	.LBB0_60
	movq	16(%rsp), %rsi
	movq	64(%rsp), %r11
	incq	%r10
.LBB0_62:
	addq	%r10, %rdx
	subq	32(%rsp), %rdx
	shlq	$4, %rdx
	addq	248(%rsp), %rdx
	.p2align	4
.LBB0_63:
	leaq	(%rcx,%r10), %rax
	sarq	$63, %rax
	andq	%r15, %rax
	kmovq	-8(%rdx,%rax,8), %k1
	vpbroadcastb	%r10d, %zmm1 {%k1}
	vmovdqu64	%zmm1, (%r12)
	kmovq	(%rdx,%rax,8), %k1
	addq	$16, %rdx
	vpbroadcastb	%r10d, %zmm0 {%k1}
	incq	%r10
	decq	%r9
	vmovdqu64	%zmm0, 64(%r12)
	jne	.LBB0_63
	movq	56(%rsp), %r9
	movq	48(%rsp), %r10
.LBB0_65:
	movq	%rcx, %rax
	sarq	$63, %rax
	shlq	$4, %rcx
	incq	%r11
	andq	%r15, %rax
	addq	%rdi, %rcx
	kmovq	(%rcx,%rax,8), %k0
	knotq	%k0, %k1
	vmovdqu8	%zmm1, %zmm1 {%k1} {z}
	vmovdqu64	%zmm1, (%r12)
	kmovq	8(%rcx,%rax,8), %k0
	xorl	%eax, %eax
	knotq	%k0, %k1
	vmovdqu8	%zmm0, %zmm0 {%k1} {z}
	vmovdqu64	%zmm0, 64(%r12)
	.p2align	4
.LBB0_20:
	movzbl	(%r12,%rax), %ecx
	vmovsd	(%r13,%rax,8), %xmm0
	vmovsd	8(%r13,%rax,8), %xmm1
	addq	%r8, %rcx
	leaq	(%r14,%rcx,8), %rdx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	vaddsd	(%rdx,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, (%r13,%rax,8)
	movzbl	1(%r12,%rax), %ecx
	addq	%r8, %rcx
	leaq	(%r14,%rcx,8), %rdx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	vaddsd	(%rdx,%rcx,8), %xmm1, %xmm0
	vmovsd	%xmm0, 8(%r13,%rax,8)
	movzbl	2(%r12,%rax), %ecx
	vmovsd	16(%r13,%rax,8), %xmm0
	addq	%r8, %rcx
	leaq	(%r14,%rcx,8), %rdx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	vaddsd	(%rdx,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, 16(%r13,%rax,8)
	movzbl	3(%r12,%rax), %ecx
	vmovsd	24(%r13,%rax,8), %xmm0
	addq	%r8, %rcx
	leaq	(%r14,%rcx,8), %rdx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	vaddsd	(%rdx,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, 24(%r13,%rax,8)
	movzbl	4(%r12,%rax), %ecx
	vmovsd	32(%r13,%rax,8), %xmm0
	addq	%r8, %rcx
	leaq	(%r14,%rcx,8), %rdx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	vaddsd	(%rdx,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, 32(%r13,%rax,8)
	movzbl	5(%r12,%rax), %ecx
	vmovsd	40(%r13,%rax,8), %xmm0
	addq	%r8, %rcx
	leaq	(%r14,%rcx,8), %rdx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	vaddsd	(%rdx,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, 40(%r13,%rax,8)
	movzbl	6(%r12,%rax), %ecx
	vmovsd	48(%r13,%rax,8), %xmm0
	addq	%r8, %rcx
	leaq	(%r14,%rcx,8), %rdx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	vaddsd	(%rdx,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, 48(%r13,%rax,8)
	movzbl	7(%r12,%rax), %ecx
	vmovsd	56(%r13,%rax,8), %xmm0
	addq	%r8, %rcx
	leaq	(%r14,%rcx,8), %rdx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	vaddsd	(%rdx,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, 56(%r13,%rax,8)
	addq	$8, %rax
	cmpq	$128, %rax
	jne	.LBB0_20
	cmpq	%rsi, %r11
	jne	.LBB0_48
	jmp	.LBB0_22
.LBB0_60:
	movq	16(%rsp), %rsi
	movq	56(%rsp), %r9
	movq	48(%rsp), %r10
	movq	64(%rsp), %r11
	jmp	.LBB0_65
	.p2align	4
.LBB0_22:
	cmpq	$0, 200(%rsp)
	movq	544(%rsp), %r8
	jle	.LBB0_17
	movq	96(%rsp), %rax
	decq	%rax
	cmpq	$7, %rax
	jae	.LBB0_66
	xorl	%ecx, %ecx
	jmp	.LBB0_15
	.p2align	4
.LBB0_66:
	movq	40(%rsp), %rdi
	movq	%r10, %rax
	andq	$-8, %rax
	xorl	%ecx, %ecx
	.p2align	4
.LBB0_67:
	leaq	(%r9,%rcx), %rdx
	leaq	1(%r9,%rcx), %rsi
	sarq	$63, %rdx
	andq	%r8, %rdx
	sarq	$63, %rsi
	leaq	(%rdi,%rdx,8), %rdx
	andq	%r8, %rsi
	leaq	(%rdi,%rsi,8), %rsi
	vmovsd	(%rdx,%rcx,8), %xmm0
	vaddsd	(%r13,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, (%rdx,%rcx,8)
	leaq	2(%r9,%rcx), %rdx
	vmovsd	8(%rsi,%rcx,8), %xmm0
	vaddsd	8(%r13,%rcx,8), %xmm0, %xmm0
	sarq	$63, %rdx
	andq	%r8, %rdx
	leaq	(%rdi,%rdx,8), %rdx
	vmovsd	%xmm0, 8(%rsi,%rcx,8)
	leaq	3(%r9,%rcx), %rsi
	vmovsd	16(%rdx,%rcx,8), %xmm0
	vaddsd	16(%r13,%rcx,8), %xmm0, %xmm0
	sarq	$63, %rsi
	andq	%r8, %rsi
	leaq	(%rdi,%rsi,8), %rsi
	vmovsd	%xmm0, 16(%rdx,%rcx,8)
	leaq	4(%r9,%rcx), %rdx
	vmovsd	24(%rsi,%rcx,8), %xmm0
	vaddsd	24(%r13,%rcx,8), %xmm0, %xmm0
	sarq	$63, %rdx
	andq	%r8, %rdx
	leaq	(%rdi,%rdx,8), %rdx
	vmovsd	%xmm0, 24(%rsi,%rcx,8)
	leaq	5(%r9,%rcx), %rsi
	vmovsd	32(%rdx,%rcx,8), %xmm0
	vaddsd	32(%r13,%rcx,8), %xmm0, %xmm0
	sarq	$63, %rsi
	andq	%r8, %rsi
	leaq	(%rdi,%rsi,8), %rsi
	vmovsd	%xmm0, 32(%rdx,%rcx,8)
	leaq	6(%r9,%rcx), %rdx
	vmovsd	40(%rsi,%rcx,8), %xmm0
	vaddsd	40(%r13,%rcx,8), %xmm0, %xmm0
	sarq	$63, %rdx
	andq	%r8, %rdx
	leaq	(%rdi,%rdx,8), %rdx
	vmovsd	%xmm0, 40(%rsi,%rcx,8)
	leaq	7(%r9,%rcx), %rsi
	vmovsd	48(%rdx,%rcx,8), %xmm0
	vaddsd	48(%r13,%rcx,8), %xmm0, %xmm0
	sarq	$63, %rsi
	andq	%r8, %rsi
	leaq	(%rdi,%rsi,8), %rsi
	vmovsd	%xmm0, 48(%rdx,%rcx,8)
	vmovsd	56(%rsi,%rcx,8), %xmm0
	vaddsd	56(%r13,%rcx,8), %xmm0, %xmm0
	vmovsd	%xmm0, 56(%rsi,%rcx,8)
	addq	$8, %rcx
	cmpq	%rcx, %rax
	jne	.LBB0_67
	testb	$7, 96(%rsp)
	je	.LBB0_17
.LBB0_15:
	movq	40(%rsp), %rdx
	leaq	(%r13,%rcx,8), %rax
	andl	$7, %r10d
	xorl	%esi, %esi
	leaq	(%rdx,%rcx,8), %rdx
	addq	%r9, %rcx
	.p2align	4
.LBB0_16:
	leaq	(%rcx,%rsi), %rdi
	sarq	$63, %rdi
	andq	%r8, %rdi
	leaq	(%rdx,%rdi,8), %rdi
	vmovsd	(%rdi,%rsi,8), %xmm0
	vaddsd	(%rax,%rsi,8), %xmm0, %xmm0
	vmovsd	%xmm0, (%rdi,%rsi,8)
	incq	%rsi
	cmpq	%rsi, %r10
	jne	.LBB0_16
	jmp	.LBB0_17
.LBB0_68:
	movq	120(%rsp), %rax
.LBB0_2:
	movq	8(%rsp), %rcx
	movq	%rax, (%rcx)
	movl	$1, %eax
.LBB0_19:
	addq	$408, %rsp
	.cfi_def_cfa_offset 56
	popq	%rbx
	.cfi_def_cfa_offset 48
	popq	%r12
	.cfi_def_cfa_offset 40
	popq	%r13
	.cfi_def_cfa_offset 32
	popq	%r14
	.cfi_def_cfa_offset 24
	popq	%r15
	.cfi_def_cfa_offset 16
	popq	%rbp
	.cfi_def_cfa_offset 8
	vzeroupper
	retq
.LBB0_1:
	.cfi_def_cfa_offset 464
	movabsq	$.const.picklebuf.331b8563bdb9dac81b38422273052c486fc1706b, %rax
	jmp	.LBB0_2
.LBB0_4:
	movabsq	$.const.picklebuf.58e14eccb507b1e0206981740223e685cb8c3c57, %rax
	jmp	.LBB0_2
.LBB0_6:
	movabsq	$.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209, %rax
	jmp	.LBB0_2
.LBB0_9:
	movabsq	$.const.picklebuf.331b8563bdb9dac81b38422273052c486fc1706b.28, %rax
	jmp	.LBB0_2
.LBB0_42:
	movabsq	$.const.picklebuf.58e14eccb507b1e0206981740223e685cb8c3c57.27, %rax
	jmp	.LBB0_2
.LBB0_28:
	movabsq	$.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.13, %rax
	jmp	.LBB0_2
.LBB0_13:
	movabsq	$.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.26, %rax
	jmp	.LBB0_2
.Lfunc_end0:
	.size	_ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE, .Lfunc_end0-_ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE
	.cfi_endproc

	.globl	_ZN7cpython6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE
	.p2align	4
	.type	_ZN7cpython6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE,@function
_ZN7cpython6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	pushq	%r15
	.cfi_def_cfa_offset 24
	pushq	%r14
	.cfi_def_cfa_offset 32
	pushq	%r13
	.cfi_def_cfa_offset 40
	pushq	%r12
	.cfi_def_cfa_offset 48
	pushq	%rbx
	.cfi_def_cfa_offset 56
	subq	$1336, %rsp
	.cfi_def_cfa_offset 1392
	.cfi_offset %rbx, -56
	.cfi_offset %r12, -48
	.cfi_offset %r13, -40
	.cfi_offset %r14, -32
	.cfi_offset %r15, -24
	.cfi_offset %rbp, -16
	movq	%rsi, %rdi
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	leaq	400(%rsp), %r12
	xorl	%ebx, %ebx
	leaq	408(%rsp), %r14
	leaq	416(%rsp), %r11
	leaq	424(%rsp), %r10
	leaq	432(%rsp), %rbp
	leaq	440(%rsp), %r13
	movabsq	$.const.bitwise, %rsi
	movl	$13, %edx
	movl	$13, %ecx
	movabsq	$PyArg_UnpackTuple, %r15
	leaq	496(%rsp), %r8
	leaq	488(%rsp), %r9
	xorl	%eax, %eax
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	pushq	%r11
	.cfi_adjust_cfa_offset 8
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	leaq	496(%rsp), %r10
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	leaq	512(%rsp), %r10
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	leaq	528(%rsp), %r10
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	leaq	544(%rsp), %r10
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	leaq	560(%rsp), %r10
	pushq	%r10
	.cfi_adjust_cfa_offset 8
	callq	*%r15
	addq	$96, %rsp
	.cfi_adjust_cfa_offset -96
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 624(%rsp)
	vmovups	%ymm0, 560(%rsp)
	vmovups	%ymm0, 496(%rsp)
	vmovups	%ymm0, 1088(%rsp)
	vmovups	%ymm0, 1024(%rsp)
	vmovups	%ymm0, 960(%rsp)
	vmovups	%ymm0, 896(%rsp)
	vmovups	%ymm0, 856(%rsp)
	vmovups	%ymm0, 1240(%rsp)
	vmovups	%ymm0, 792(%rsp)
	vmovups	%ymm0, 1152(%rsp)
	vmovups	%ymm0, 648(%rsp)
	vmovups	%ymm0, 584(%rsp)
	vmovups	%ymm0, 520(%rsp)
	vmovups	%ymm0, 1112(%rsp)
	vmovups	%ymm0, 1048(%rsp)
	vmovups	%ymm0, 984(%rsp)
	vmovups	%ymm0, 920(%rsp)
	vmovups	%ymm0, 832(%rsp)
	vmovups	%ymm0, 1216(%rsp)
	vmovups	%ymm0, 768(%rsp)
	vmovups	%ymm0, 1176(%rsp)
	movq	$0, 384(%rsp)
	movq	$0, 128(%rsp)
	testl	%eax, %eax
	je	.LBB1_30
	movabsq	$_ZN08NumbaEnv6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE, %rax
	cmpq	$0, (%rax)
	je	.LBB1_34
	movq	488(%rsp), %rdi
	movabsq	$NRT_adapt_ndarray_from_python, %rbx
	leaq	688(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%zmm0, 688(%rsp)
	movq	$0, 752(%rsp)
	vzeroupper
	callq	*%rbx
	cmpq	$8, 712(%rsp)
	setne	%cl
	testl	%eax, %eax
	setne	%bpl
	orb	%cl, %bpl
	cmpb	$1, %bpl
	je	.LBB1_36
	testb	%bpl, %bpl
	jne	.LBB1_37
.LBB1_4:
	movq	736(%rsp), %rax
	movq	744(%rsp), %rcx
	movq	480(%rsp), %rdi
	movq	688(%rsp), %r14
	movq	696(%rsp), %rbp
	movq	704(%rsp), %r12
	movq	720(%rsp), %r15
	movq	728(%rsp), %r13
	leaq	1280(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 1280(%rsp)
	vmovups	%ymm0, 1304(%rsp)
	movq	%rax, 40(%rsp)
	movq	752(%rsp), %rax
	movq	%rcx, 32(%rsp)
	movq	%rax, 376(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_38
	cmpq	$8, 1304(%rsp)
	jne	.LBB1_38
	movq	1312(%rsp), %rax
	movq	472(%rsp), %rdi
	movq	%r13, 368(%rsp)
	movq	1280(%rsp), %r13
	leaq	624(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 624(%rsp)
	vmovups	%ymm0, 648(%rsp)
	movq	%rax, 360(%rsp)
	movq	1320(%rsp), %rax
	movq	%rax, 352(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_39
	cmpq	$8, 648(%rsp)
	jne	.LBB1_39
	movq	632(%rsp), %rax
	movq	640(%rsp), %rcx
	movq	656(%rsp), %rdx
	movq	464(%rsp), %rdi
	movq	%r15, 344(%rsp)
	movq	624(%rsp), %r15
	leaq	560(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 560(%rsp)
	vmovups	%ymm0, 584(%rsp)
	movq	%rax, 336(%rsp)
	movq	%rcx, 328(%rsp)
	movq	664(%rsp), %rcx
	movq	672(%rsp), %rax
	movq	%rdx, 320(%rsp)
	movq	%rcx, 312(%rsp)
	movq	%rax, 304(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_40
	cmpq	$8, 584(%rsp)
	jne	.LBB1_40
	movq	568(%rsp), %rax
	movq	576(%rsp), %rcx
	movq	592(%rsp), %rdx
	movq	456(%rsp), %rdi
	movq	%r12, 296(%rsp)
	movq	560(%rsp), %r12
	leaq	496(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 496(%rsp)
	vmovups	%ymm0, 520(%rsp)
	movq	%rax, 288(%rsp)
	movq	%rcx, 280(%rsp)
	movq	600(%rsp), %rcx
	movq	608(%rsp), %rax
	movq	%rdx, 272(%rsp)
	movq	%rcx, 264(%rsp)
	movq	%rax, 256(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_41
	cmpq	$8, 520(%rsp)
	jne	.LBB1_41
	movq	504(%rsp), %rax
	movq	512(%rsp), %rcx
	movq	528(%rsp), %rdx
	movq	448(%rsp), %rdi
	movq	%rbp, 248(%rsp)
	movq	496(%rsp), %rbp
	leaq	1088(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 1088(%rsp)
	vmovups	%ymm0, 1112(%rsp)
	movq	%rax, 240(%rsp)
	movq	%rcx, 232(%rsp)
	movq	536(%rsp), %rcx
	movq	544(%rsp), %rax
	movq	%rdx, 224(%rsp)
	movq	%rcx, 216(%rsp)
	movq	%rax, 208(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_42
	cmpq	$8, 1112(%rsp)
	jne	.LBB1_42
	movq	1088(%rsp), %rax
	movq	1120(%rsp), %rcx
	movq	440(%rsp), %rdi
	leaq	1024(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 1024(%rsp)
	vmovups	%ymm0, 1048(%rsp)
	movq	%rax, 8(%rsp)
	movq	1128(%rsp), %rax
	movq	%rcx, 200(%rsp)
	movq	%rax, 192(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_43
	cmpq	$8, 1048(%rsp)
	jne	.LBB1_43
	movq	1024(%rsp), %rax
	movq	1056(%rsp), %rcx
	movq	432(%rsp), %rdi
	leaq	960(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 960(%rsp)
	vmovups	%ymm0, 984(%rsp)
	movq	%rax, 88(%rsp)
	movq	1064(%rsp), %rax
	movq	%rcx, 184(%rsp)
	movq	%rax, 176(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_44
	cmpq	$1, 984(%rsp)
	jne	.LBB1_44
	movq	960(%rsp), %rax
	movq	992(%rsp), %rcx
	movq	424(%rsp), %rdi
	leaq	896(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 896(%rsp)
	vmovups	%ymm0, 920(%rsp)
	movq	%rax, 80(%rsp)
	movq	1000(%rsp), %rax
	movq	%rcx, 168(%rsp)
	movq	%rax, 160(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_45
	cmpq	$8, 920(%rsp)
	jne	.LBB1_45
	movq	896(%rsp), %rax
	movq	928(%rsp), %rcx
	movq	416(%rsp), %rdi
	leaq	832(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 832(%rsp)
	vmovups	%ymm0, 856(%rsp)
	movq	%rax, 72(%rsp)
	movq	936(%rsp), %rax
	movq	%rcx, 152(%rsp)
	movq	%rax, 144(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_46
	cmpq	$8, 856(%rsp)
	jne	.LBB1_46
	movq	832(%rsp), %rax
	movq	408(%rsp), %rdi
	movq	%rbp, 16(%rsp)
	movq	%r12, 24(%rsp)
	movq	864(%rsp), %r12
	movq	872(%rsp), %rbp
	leaq	1216(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 1216(%rsp)
	vmovups	%ymm0, 1240(%rsp)
	movq	%rax, 64(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_47
	cmpq	$8, 1240(%rsp)
	jne	.LBB1_47
	movq	1216(%rsp), %rax
	movq	400(%rsp), %rdi
	movq	%r15, 112(%rsp)
	movq	1248(%rsp), %r15
	leaq	768(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 768(%rsp)
	vmovups	%ymm0, 792(%rsp)
	movq	%rax, 56(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_48
	cmpq	$8, 792(%rsp)
	jne	.LBB1_48
	movq	768(%rsp), %rax
	movq	392(%rsp), %rdi
	movq	%r13, 96(%rsp)
	movq	%r14, 104(%rsp)
	movq	800(%rsp), %r13
	movq	808(%rsp), %r14
	leaq	1152(%rsp), %rsi
	vxorps	%xmm0, %xmm0, %xmm0
	vmovups	%ymm0, 1152(%rsp)
	vmovups	%ymm0, 1176(%rsp)
	movq	%rax, 48(%rsp)
	vzeroupper
	callq	*%rbx
	testl	%eax, %eax
	jne	.LBB1_49
	cmpq	$1, 1176(%rsp)
	jne	.LBB1_49
	movq	1152(%rsp), %rax
	movq	1184(%rsp), %rbx
	movq	%rax, 120(%rsp)
	movabsq	$PyEval_SaveThread, %rax
	callq	*%rax
	movq	%rax, 136(%rsp)
	subq	$720, %rsp
	.cfi_adjust_cfa_offset 720
	movq	872(%rsp), %rcx
	movq	880(%rsp), %rdx
	movq	864(%rsp), %rax
	movq	%rbx, 688(%rsp)
	movq	%r13, 632(%rsp)
	movq	%r15, 576(%rsp)
	movq	%rbp, 528(%rsp)
	movq	%r12, 520(%rsp)
	movq	736(%rsp), %r15
	movq	744(%rsp), %rbp
	movq	832(%rsp), %r13
	movq	816(%rsp), %r12
	movq	1016(%rsp), %r8
	movq	824(%rsp), %rbx
	leaq	1104(%rsp), %rdi
	leaq	848(%rsp), %rsi
	movl	$8, %r9d
	movq	%r14, 640(%rsp)
	movq	$8, 232(%rsp)
	movq	$8, 176(%rsp)
	movq	$8, 120(%rsp)
	movq	%rcx, 464(%rsp)
	movq	888(%rsp), %rcx
	movq	%rdx, 416(%rsp)
	movq	896(%rsp), %rdx
	movq	%rax, 472(%rsp)
	movabsq	$_ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE, %rax
	movq	%r15, 208(%rsp)
	movq	%rbp, 152(%rsp)
	movq	%r13, 96(%rsp)
	movq	%r12, 40(%rsp)
	movq	%rcx, 408(%rsp)
	movq	904(%rsp), %rcx
	movq	%rdx, 360(%rsp)
	movq	912(%rsp), %rdx
	movq	%rcx, 352(%rsp)
	movq	920(%rsp), %rcx
	movq	%rdx, 304(%rsp)
	movq	928(%rsp), %rdx
	movq	%rcx, 296(%rsp)
	movq	936(%rsp), %rcx
	movq	%rdx, 256(%rsp)
	movq	944(%rsp), %rdx
	movq	%rcx, 248(%rsp)
	movq	952(%rsp), %rcx
	movq	%rdx, 240(%rsp)
	movq	960(%rsp), %rdx
	movq	%rcx, 224(%rsp)
	movq	976(%rsp), %rcx
	movq	%rdx, 216(%rsp)
	movq	984(%rsp), %rdx
	movq	%rcx, 200(%rsp)
	movq	992(%rsp), %rcx
	movq	%rdx, 192(%rsp)
	movq	1000(%rsp), %rdx
	movq	%rcx, 184(%rsp)
	movq	1008(%rsp), %rcx
	movq	%rdx, 168(%rsp)
	movq	1024(%rsp), %rdx
	movq	%rcx, 160(%rsp)
	movq	1032(%rsp), %rcx
	movq	%rdx, 144(%rsp)
	movq	1040(%rsp), %rdx
	movq	%rcx, 136(%rsp)
	movq	1048(%rsp), %rcx
	movq	%rdx, 128(%rsp)
	movq	1056(%rsp), %rdx
	movq	%rcx, 112(%rsp)
	movq	1072(%rsp), %rcx
	movq	%rdx, 104(%rsp)
	movq	1080(%rsp), %rdx
	movq	%rcx, 80(%rsp)
	movq	1096(%rsp), %rcx
	movq	%rdx, 72(%rsp)
	movq	752(%rsp), %rdx
	movq	%rcx, 32(%rsp)
	movq	840(%rsp), %rcx
	movq	%rdx, 24(%rsp)
	movq	768(%rsp), %rdx
	movq	%rcx, 656(%rsp)
	movq	776(%rsp), %rcx
	movq	%rdx, 600(%rsp)
	movq	784(%rsp), %rdx
	movq	%rcx, 544(%rsp)
	movq	792(%rsp), %rcx
	movq	%rdx, 488(%rsp)
	movq	800(%rsp), %rdx
	movq	%rcx, 432(%rsp)
	movq	808(%rsp), %rcx
	movq	%rdx, 376(%rsp)
	movq	728(%rsp), %rdx
	movq	%rcx, 320(%rsp)
	movq	760(%rsp), %rcx
	movq	%rdx, 264(%rsp)
	movq	1088(%rsp), %rdx
	movq	%rcx, 16(%rsp)
	movq	1064(%rsp), %rcx
	movq	%rdx, 8(%rsp)
	movq	%rbx, %rdx
	movq	%rcx, (%rsp)
	movq	968(%rsp), %rcx
	callq	*%rax
	addq	$720, %rsp
	.cfi_adjust_cfa_offset -720
	movq	128(%rsp), %rcx
	movq	136(%rsp), %rdi
	movl	%eax, 40(%rsp)
	movabsq	$PyEval_RestoreThread, %rax
	movq	%rcx, 32(%rsp)
	callq	*%rax
	movabsq	$NRT_decref, %r14
	movq	%rbx, %rdi
	callq	*%r14
	movq	%r12, %rdi
	callq	*%r14
	movq	%r13, %rdi
	callq	*%r14
	movq	%rbp, %rdi
	callq	*%r14
	movq	%r15, %rdi
	callq	*%r14
	movq	8(%rsp), %rdi
	callq	*%r14
	movq	88(%rsp), %rdi
	callq	*%r14
	movq	80(%rsp), %rdi
	callq	*%r14
	movq	72(%rsp), %rdi
	callq	*%r14
	movq	64(%rsp), %rdi
	callq	*%r14
	movq	56(%rsp), %rdi
	callq	*%r14
	movq	48(%rsp), %rdi
	callq	*%r14
	movq	120(%rsp), %rdi
	callq	*%r14
	cmpl	$0, 40(%rsp)
	jne	.LBB1_31
	movabsq	$_Py_NoneStruct, %rbx
	movabsq	$Py_IncRef, %rax
	movq	%rbx, %rdi
	callq	*%rax
.LBB1_30:
	movq	%rbx, %rax
	addq	$1336, %rsp
	.cfi_def_cfa_offset 56
	popq	%rbx
	.cfi_def_cfa_offset 48
	popq	%r12
	.cfi_def_cfa_offset 40
	popq	%r13
	.cfi_def_cfa_offset 32
	popq	%r14
	.cfi_def_cfa_offset 24
	popq	%r15
	.cfi_def_cfa_offset 16
	popq	%rbp
	.cfi_def_cfa_offset 8
	vzeroupper
	retq
.LBB1_31:
	.cfi_def_cfa_offset 1392
	movabsq	$PyErr_Clear, %rax
	callq	*%rax
	movq	32(%rsp), %r14
	movl	8(%r14), %esi
	movq	(%r14), %rdi
	cmpl	$0, 32(%r14)
	jle	.LBB1_62
	movslq	%esi, %rsi
	movabsq	$PyBytes_FromStringAndSize, %rax
	callq	*%rax
	movq	16(%r14), %rdi
	movq	%rax, %rbx
	callq	*24(%r14)
	testq	%rax, %rax
	je	.LBB1_66
	movabsq	$numba_runtime_build_excinfo_struct, %rcx
	movq	%rbx, %rdi
	movq	%rax, %rsi
	callq	*%rcx
	movabsq	$NRT_Free, %r15
	movq	%r14, %rdi
	movq	%rax, %rbx
	callq	*%r15
	jmp	.LBB1_63
.LBB1_34:
	movabsq	$PyExc_RuntimeError, %rdi
	movabsq	$".const.missing Environment: _ZN08NumbaEnv6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE", %rsi
.LBB1_35:
	movabsq	$PyErr_SetString, %rax
	vzeroupper
	callq	*%rax
	xorl	%ebx, %ebx
	jmp	.LBB1_30
.LBB1_36:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	testb	%bpl, %bpl
	je	.LBB1_4
	jmp	.LBB1_37
.LBB1_38:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	jmp	.LBB1_60
.LBB1_39:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	jmp	.LBB1_59
.LBB1_40:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	jmp	.LBB1_58
.LBB1_41:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	jmp	.LBB1_57
.LBB1_42:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	jmp	.LBB1_56
.LBB1_43:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	movq	8(%rsp), %rbx
	jmp	.LBB1_55
.LBB1_44:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	movq	8(%rsp), %rbx
	jmp	.LBB1_54
.LBB1_45:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	movq	8(%rsp), %rbx
	jmp	.LBB1_53
.LBB1_46:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	movq	8(%rsp), %rbx
	jmp	.LBB1_52
.LBB1_47:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	jmp	.LBB1_51
.LBB1_48:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	jmp	.LBB1_50
.LBB1_49:
	movabsq	$PyExc_TypeError, %rdi
	movabsq	$".const.can't unbox array from PyObject into native value.  The object maybe of a different type", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	movq	48(%rsp), %rdi
	movabsq	$NRT_decref, %rax
	callq	*%rax
	movq	104(%rsp), %r14
	movq	96(%rsp), %r13
.LBB1_50:
	movq	56(%rsp), %rdi
	movabsq	$NRT_decref, %rax
	callq	*%rax
	movq	112(%rsp), %r15
.LBB1_51:
	movq	64(%rsp), %rdi
	movq	24(%rsp), %r12
	movq	16(%rsp), %rbp
	movq	8(%rsp), %rbx
	movabsq	$NRT_decref, %rax
	callq	*%rax
.LBB1_52:
	movq	72(%rsp), %rdi
	movabsq	$NRT_decref, %rax
	callq	*%rax
.LBB1_53:
	movq	80(%rsp), %rdi
	movabsq	$NRT_decref, %rax
	callq	*%rax
.LBB1_54:
	movq	88(%rsp), %rdi
	movabsq	$NRT_decref, %rax
	callq	*%rax
.LBB1_55:
	movabsq	$NRT_decref, %rax
	movq	%rbx, %rdi
	callq	*%rax
.LBB1_56:
	movabsq	$NRT_decref, %rax
	movq	%rbp, %rdi
	callq	*%rax
.LBB1_57:
	movabsq	$NRT_decref, %rax
	movq	%r12, %rdi
	callq	*%rax
.LBB1_58:
	movabsq	$NRT_decref, %rax
	movq	%r15, %rdi
	callq	*%rax
.LBB1_59:
	movabsq	$NRT_decref, %rax
	movq	%r13, %rdi
	callq	*%rax
.LBB1_60:
	movabsq	$NRT_decref, %rax
	movq	%r14, %rdi
.LBB1_61:
	callq	*%rax
	xorl	%ebx, %ebx
	jmp	.LBB1_30
.LBB1_62:
	movq	16(%r14), %rdx
	movabsq	$numba_unpickle, %rax
	callq	*%rax
	movq	%rax, %rbx
.LBB1_63:
	testq	%rbx, %rbx
	je	.LBB1_37
	movabsq	$numba_do_raise, %rax
	movq	%rbx, %rdi
	jmp	.LBB1_61
.LBB1_37:
	xorl	%ebx, %ebx
	jmp	.LBB1_30
.LBB1_66:
	movabsq	$PyExc_RuntimeError, %rdi
	movabsq	$".const.Error creating Python tuple from runtime exception arguments", %rsi
	jmp	.LBB1_35
.Lfunc_end1:
	.size	_ZN7cpython6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE, .Lfunc_end1-_ZN7cpython6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE
	.cfi_endproc

	.globl	cfunc._ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE
	.p2align	4
	.type	cfunc._ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE,@function
cfunc._ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	pushq	%r15
	.cfi_def_cfa_offset 24
	pushq	%r14
	.cfi_def_cfa_offset 32
	pushq	%r13
	.cfi_def_cfa_offset 40
	pushq	%r12
	.cfi_def_cfa_offset 48
	pushq	%rbx
	.cfi_def_cfa_offset 56
	subq	$744, %rsp
	.cfi_def_cfa_offset 800
	.cfi_offset %rbx, -56
	.cfi_offset %r12, -48
	.cfi_offset %r13, -40
	.cfi_offset %r14, -32
	.cfi_offset %r15, -24
	.cfi_offset %rbp, -16
	vmovups	1192(%rsp), %xmm9
	vmovaps	1248(%rsp), %xmm10
	vmovups	1304(%rsp), %xmm11
	vmovups	1416(%rsp), %xmm12
	movq	%rcx, %r10
	movq	%rsi, %rbx
	movq	1440(%rsp), %rcx
	movq	1472(%rsp), %rax
	movq	1160(%rsp), %rsi
	movq	1216(%rsp), %r14
	movq	1272(%rsp), %r15
	movq	1328(%rsp), %r12
	movq	1360(%rsp), %r13
	movq	1384(%rsp), %rbp
	vmovups	992(%rsp), %zmm6
	vmovups	1080(%rsp), %xmm7
	vmovaps	1136(%rsp), %xmm8
	vmovups	800(%rsp), %ymm0
	vmovups	856(%rsp), %xmm1
	vmovups	880(%rsp), %ymm2
	vmovaps	912(%rsp), %xmm3
	vmovups	936(%rsp), %ymm4
	vmovups	968(%rsp), %xmm5
	movq	%rdi, %r11
	movq	1104(%rsp), %rdi
	movq	$0, 736(%rsp)
	movq	$0, 728(%rsp)
	movq	%rax, 688(%rsp)
	movq	%rcx, 656(%rsp)
	movq	928(%rsp), %rcx
	movabsq	$_ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE, %rax
	vmovups	%xmm12, 632(%rsp)
	movq	%rbp, 600(%rsp)
	movq	%r13, 576(%rsp)
	movq	%r12, 544(%rsp)
	vmovups	%xmm11, 520(%rsp)
	movq	%r15, 488(%rsp)
	vmovups	%xmm10, 464(%rsp)
	movq	%r14, 432(%rsp)
	vmovups	%xmm9, 408(%rsp)
	movq	%rsi, 376(%rsp)
	movq	984(%rsp), %rsi
	vmovups	%xmm8, 352(%rsp)
	movq	%rdi, 320(%rsp)
	vmovups	%xmm7, 296(%rsp)
	vmovups	%zmm6, 208(%rsp)
	leaq	736(%rsp), %rdi
	movq	%rsi, 200(%rsp)
	leaq	728(%rsp), %rsi
	vmovups	%xmm5, 184(%rsp)
	vmovups	%ymm4, 152(%rsp)
	movq	%rcx, 144(%rsp)
	vmovups	%xmm3, 128(%rsp)
	vmovups	%ymm2, 96(%rsp)
	vmovups	%xmm1, 72(%rsp)
	vmovups	%ymm0, 16(%rsp)
	movq	%r9, 8(%rsp)
	movq	%r8, (%rsp)
	movq	%rdx, %r8
	movq	%r10, %r9
	movq	%r11, %rdx
	movq	%rbx, %rcx
	vzeroupper
	callq	*%rax
	movl	%eax, %ecx
	movq	728(%rsp), %rbx
	movq	736(%rsp), %rax
	movl	$0, 724(%rsp)
	testl	%ecx, %ecx
	jne	.LBB2_1
.LBB2_7:
	addq	$744, %rsp
	.cfi_def_cfa_offset 56
	popq	%rbx
	.cfi_def_cfa_offset 48
	popq	%r12
	.cfi_def_cfa_offset 40
	popq	%r13
	.cfi_def_cfa_offset 32
	popq	%r14
	.cfi_def_cfa_offset 24
	popq	%r15
	.cfi_def_cfa_offset 16
	popq	%rbp
	.cfi_def_cfa_offset 8
	retq
.LBB2_1:
	.cfi_def_cfa_offset 800
	movabsq	$numba_gil_ensure, %r14
	leaq	724(%rsp), %rdi
	movq	%rax, %r15
	callq	*%r14
	movabsq	$PyErr_Clear, %rax
	callq	*%rax
	movl	8(%rbx), %esi
	movq	(%rbx), %rdi
	cmpl	$0, 32(%rbx)
	jle	.LBB2_4
	movslq	%esi, %rsi
	movabsq	$PyBytes_FromStringAndSize, %rax
	callq	*%rax
	movq	16(%rbx), %rdi
	movq	%rax, %r14
	callq	*24(%rbx)
	testq	%rax, %rax
	je	.LBB2_3
	movabsq	$numba_runtime_build_excinfo_struct, %rcx
	movq	%r14, %rdi
	movq	%rax, %rsi
	callq	*%rcx
	movabsq	$NRT_Free, %r12
	movq	%rbx, %rdi
	movq	%rax, %r14
	callq	*%r12
	jmp	.LBB2_5
.LBB2_4:
	movq	16(%rbx), %rdx
	movabsq	$numba_unpickle, %rax
	callq	*%rax
	movq	%rax, %r14
.LBB2_5:
	testq	%r14, %r14
	je	.LBB2_6
	movabsq	$numba_do_raise, %rax
	movq	%r14, %rdi
	callq	*%rax
.LBB2_6:
	movabsq	$".const.<numba.core.cpu.CPUContext>", %rdi
	movabsq	$PyUnicode_FromString, %rax
	callq	*%rax
	movabsq	$PyErr_WriteUnraisable, %r14
	movq	%rax, %rbx
	movq	%rbx, %rdi
	callq	*%r14
	movabsq	$Py_DecRef, %rax
	movq	%rbx, %rdi
	callq	*%rax
	movabsq	$numba_gil_release, %rax
	leaq	724(%rsp), %rdi
	callq	*%rax
	movq	%r15, %rax
	jmp	.LBB2_7
.LBB2_3:
	movabsq	$PyExc_RuntimeError, %rdi
	movabsq	$".const.Error creating Python tuple from runtime exception arguments.1", %rsi
	movabsq	$PyErr_SetString, %rax
	callq	*%rax
	xorl	%eax, %eax
	jmp	.LBB2_7
.Lfunc_end2:
	.size	cfunc._ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE, .Lfunc_end2-cfunc._ZN6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE
	.cfi_endproc

	.weak	NRT_incref
	.p2align	4
	.type	NRT_incref,@function
NRT_incref:
	testq	%rdi, %rdi
	je	.LBB3_2
	lock		incq	(%rdi)
.LBB3_2:
	retq
.Lfunc_end3:
	.size	NRT_incref, .Lfunc_end3-NRT_incref

	.weak	NRT_decref
	.p2align	4
	.type	NRT_decref,@function
NRT_decref:
	.cfi_startproc
	testq	%rdi, %rdi
	je	.LBB4_2
	#MEMBARRIER
	lock		decq	(%rdi)
	je	.LBB4_3
.LBB4_2:
	retq
.LBB4_3:
	movabsq	$NRT_MemInfo_call_dtor, %rax
	#MEMBARRIER
	jmpq	*%rax
.Lfunc_end4:
	.size	NRT_decref, .Lfunc_end4-NRT_decref
	.cfi_endproc

	.weak	_ZN5proto4rankB3v15B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedExx5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi2E1C7mutable7alignedE
	.p2align	4
	.type	_ZN5proto4rankB3v15B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedExx5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi2E1C7mutable7alignedE,@function
_ZN5proto4rankB3v15B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedExx5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi2E1C7mutable7alignedE:
	.cfi_startproc
	pushq	%rbp
	.cfi_def_cfa_offset 16
	pushq	%r15
	.cfi_def_cfa_offset 24
	pushq	%r14
	.cfi_def_cfa_offset 32
	pushq	%r13
	.cfi_def_cfa_offset 40
	pushq	%r12
	.cfi_def_cfa_offset 48
	pushq	%rbx
	.cfi_def_cfa_offset 56
	subq	$72, %rsp
	.cfi_def_cfa_offset 128
	.cfi_offset %rbx, -56
	.cfi_offset %r12, -48
	.cfi_offset %r13, -40
	.cfi_offset %r14, -32
	.cfi_offset %r15, -24
	.cfi_offset %rbp, -16
	movq	296(%rsp), %r12
	movq	240(%rsp), %rbp
	movq	184(%rsp), %r13
	movabsq	$NRT_incref, %rbx
	movq	%rdi, %r14
	movq	%rdx, %rdi
	movq	%rdx, %r15
	movq	%rsi, 8(%rsp)
	callq	*%rbx
	movq	%r13, %rdi
	callq	*%rbx
	movq	%rbp, %rdi
	callq	*%rbx
	movq	%r12, %rdi
	callq	*%rbx
	movq	352(%rsp), %rdi
	callq	*%rbx
	movabsq	$NRT_MemInfo_alloc_aligned, %rbx
	movl	$1024, %edi
	movl	$32, %esi
	callq	*%rbx
	testq	%rax, %rax
	je	.LBB5_33
	movq	24(%rax), %rbp
	movl	$1024, %edi
	movl	$32, %esi
	movq	%rax, %r12
	movq	%r15, 48(%rsp)
	callq	*%rbx
	movq	%rax, 16(%rsp)
	testq	%rax, %rax
	je	.LBB5_34
	movq	144(%rsp), %rsi
	movq	%r12, 32(%rsp)
	movq	%r14, 40(%rsp)
	testq	%rsi, %rsi
	jle	.LBB5_31
	movq	16(%rsp), %rax
	movq	400(%rsp), %r9
	movq	384(%rsp), %r11
	movq	280(%rsp), %rdi
	movq	272(%rsp), %r8
	movq	176(%rsp), %r15
	movq	24(%rax), %r10
	leaq	-1(%rsi), %rax
	imulq	%r9, %rax
	leaq	128(%r11,%rax), %rcx
	leaq	1024(%r10), %rdx
	testq	%r15, %r15
	jle	.LBB5_20
	movabsq	$9223372036854775800, %rax
	movl	%r15d, %r14d
	andl	$7, %r14d
	movq	168(%rsp), %r13
	movq	136(%rsp), %rbx
	vxorps	%xmm0, %xmm0, %xmm0
	andq	%r15, %rax
	cmpq	%rdx, %r11
	movq	%r14, 64(%rsp)
	movq	%rax, 56(%rsp)
	setb	%al
	cmpq	%rcx, %r10
	setb	%cl
	andb	%al, %cl
	testq	%r9, %r9
	sets	%al
	xorl	%r9d, %r9d
	orb	%cl, %al
	movb	%al, 7(%rsp)
	leal	(,%r14,8), %eax
	leaq	15(%r11), %r14
	movq	%rax, 24(%rsp)
	jmp	.LBB5_18
	.p2align	4
.LBB5_17:
	movzbl	(%r10), %eax
	movq	144(%rsp), %rsi
	movq	176(%rsp), %r15
	movq	8(%rsp), %r9
	movb	%al, -15(%r14)
	movzbl	8(%r10), %eax
	movb	%al, -14(%r14)
	movzbl	16(%r10), %eax
	movb	%al, -13(%r14)
	movzbl	24(%r10), %eax
	movb	%al, -12(%r14)
	movzbl	32(%r10), %eax
	movb	%al, -11(%r14)
	movzbl	40(%r10), %eax
	movb	%al, -10(%r14)
	movzbl	48(%r10), %eax
	movb	%al, -9(%r14)
	movzbl	56(%r10), %eax
	movb	%al, -8(%r14)
	movzbl	64(%r10), %eax
	movb	%al, -7(%r14)
	movzbl	72(%r10), %eax
	movb	%al, -6(%r14)
	movzbl	80(%r10), %eax
	movb	%al, -5(%r14)
	movzbl	88(%r10), %eax
	movb	%al, -4(%r14)
	movzbl	96(%r10), %eax
	movb	%al, -3(%r14)
	movzbl	104(%r10), %eax
	movb	%al, -2(%r14)
	movzbl	112(%r10), %eax
	movb	%al, -1(%r14)
	movzbl	120(%r10), %eax
	movb	%al, (%r14)
	movzbl	128(%r10), %eax
	movb	%al, 1(%r14)
	movzbl	136(%r10), %eax
	movb	%al, 2(%r14)
	movzbl	144(%r10), %eax
	movb	%al, 3(%r14)
	movzbl	152(%r10), %eax
	movb	%al, 4(%r14)
	movzbl	160(%r10), %eax
	movb	%al, 5(%r14)
	movzbl	168(%r10), %eax
	movb	%al, 6(%r14)
	movzbl	176(%r10), %eax
	movb	%al, 7(%r14)
	movzbl	184(%r10), %eax
	movb	%al, 8(%r14)
	movzbl	192(%r10), %eax
	movb	%al, 9(%r14)
	movzbl	200(%r10), %eax
	movb	%al, 10(%r14)
	movzbl	208(%r10), %eax
	movb	%al, 11(%r14)
	movzbl	216(%r10), %eax
	movb	%al, 12(%r14)
	movzbl	224(%r10), %eax
	movb	%al, 13(%r14)
	movzbl	232(%r10), %eax
	movb	%al, 14(%r14)
	movzbl	240(%r10), %eax
	movb	%al, 15(%r14)
	movzbl	248(%r10), %eax
	movb	%al, 16(%r14)
	movzbl	256(%r10), %eax
	movb	%al, 17(%r14)
	movzbl	264(%r10), %eax
	movb	%al, 18(%r14)
	movzbl	272(%r10), %eax
	movb	%al, 19(%r14)
	movzbl	280(%r10), %eax
	movb	%al, 20(%r14)
	movzbl	288(%r10), %eax
	movb	%al, 21(%r14)
	movzbl	296(%r10), %eax
	movb	%al, 22(%r14)
	movzbl	304(%r10), %eax
	movb	%al, 23(%r14)
	movzbl	312(%r10), %eax
	movb	%al, 24(%r14)
	movzbl	320(%r10), %eax
	movb	%al, 25(%r14)
	movzbl	328(%r10), %eax
	movb	%al, 26(%r14)
	movzbl	336(%r10), %eax
	movb	%al, 27(%r14)
	movzbl	344(%r10), %eax
	movb	%al, 28(%r14)
	movzbl	352(%r10), %eax
	movb	%al, 29(%r14)
	movzbl	360(%r10), %eax
	movb	%al, 30(%r14)
	movzbl	368(%r10), %eax
	movb	%al, 31(%r14)
	movzbl	376(%r10), %eax
	movb	%al, 32(%r14)
	movzbl	384(%r10), %eax
	movb	%al, 33(%r14)
	movzbl	392(%r10), %eax
	movb	%al, 34(%r14)
	movzbl	400(%r10), %eax
	movb	%al, 35(%r14)
	movzbl	408(%r10), %eax
	movb	%al, 36(%r14)
	movzbl	416(%r10), %eax
	movb	%al, 37(%r14)
	movzbl	424(%r10), %eax
	movb	%al, 38(%r14)
	movzbl	432(%r10), %eax
	movb	%al, 39(%r14)
	movzbl	440(%r10), %eax
	movb	%al, 40(%r14)
	movzbl	448(%r10), %eax
	movb	%al, 41(%r14)
	movzbl	456(%r10), %eax
	movb	%al, 42(%r14)
	movzbl	464(%r10), %eax
	movb	%al, 43(%r14)
	movzbl	472(%r10), %eax
	movb	%al, 44(%r14)
	movzbl	480(%r10), %eax
	movb	%al, 45(%r14)
	movzbl	488(%r10), %eax
	movb	%al, 46(%r14)
	movzbl	496(%r10), %eax
	movb	%al, 47(%r14)
	movzbl	504(%r10), %eax
	movb	%al, 48(%r14)
	movzbl	512(%r10), %eax
	movb	%al, 49(%r14)
	movzbl	520(%r10), %eax
	movb	%al, 50(%r14)
	movzbl	528(%r10), %eax
	movb	%al, 51(%r14)
	movzbl	536(%r10), %eax
	movb	%al, 52(%r14)
	movzbl	544(%r10), %eax
	movb	%al, 53(%r14)
	movzbl	552(%r10), %eax
	movb	%al, 54(%r14)
	movzbl	560(%r10), %eax
	movb	%al, 55(%r14)
	movzbl	568(%r10), %eax
	movb	%al, 56(%r14)
	movzbl	576(%r10), %eax
	movb	%al, 57(%r14)
	movzbl	584(%r10), %eax
	movb	%al, 58(%r14)
	movzbl	592(%r10), %eax
	movb	%al, 59(%r14)
	movzbl	600(%r10), %eax
	movb	%al, 60(%r14)
	movzbl	608(%r10), %eax
	movb	%al, 61(%r14)
	movzbl	616(%r10), %eax
	movb	%al, 62(%r14)
	movzbl	624(%r10), %eax
	movb	%al, 63(%r14)
	movzbl	632(%r10), %eax
	movb	%al, 64(%r14)
	movzbl	640(%r10), %eax
	movb	%al, 65(%r14)
	movzbl	648(%r10), %eax
	movb	%al, 66(%r14)
	movzbl	656(%r10), %eax
	movb	%al, 67(%r14)
	movzbl	664(%r10), %eax
	movb	%al, 68(%r14)
	movzbl	672(%r10), %eax
	movb	%al, 69(%r14)
	movzbl	680(%r10), %eax
	movb	%al, 70(%r14)
	movzbl	688(%r10), %eax
	movb	%al, 71(%r14)
	movzbl	696(%r10), %eax
	movb	%al, 72(%r14)
	movzbl	704(%r10), %eax
	movb	%al, 73(%r14)
	movzbl	712(%r10), %eax
	movb	%al, 74(%r14)
	movzbl	720(%r10), %eax
	movb	%al, 75(%r14)
	movzbl	728(%r10), %eax
	movb	%al, 76(%r14)
	movzbl	736(%r10), %eax
	movb	%al, 77(%r14)
	movzbl	744(%r10), %eax
	movb	%al, 78(%r14)
	movzbl	752(%r10), %eax
	movb	%al, 79(%r14)
	movzbl	760(%r10), %eax
	movb	%al, 80(%r14)
	movzbl	768(%r10), %eax
	movb	%al, 81(%r14)
	movzbl	776(%r10), %eax
	movb	%al, 82(%r14)
	movzbl	784(%r10), %eax
	movb	%al, 83(%r14)
	movzbl	792(%r10), %eax
	movb	%al, 84(%r14)
	movzbl	800(%r10), %eax
	movb	%al, 85(%r14)
	movzbl	808(%r10), %eax
	movb	%al, 86(%r14)
	movzbl	816(%r10), %eax
	movb	%al, 87(%r14)
	movzbl	824(%r10), %eax
	movb	%al, 88(%r14)
	movzbl	832(%r10), %eax
	movb	%al, 89(%r14)
	movzbl	840(%r10), %eax
	movb	%al, 90(%r14)
	movzbl	848(%r10), %eax
	movb	%al, 91(%r14)
	movzbl	856(%r10), %eax
	movb	%al, 92(%r14)
	movzbl	864(%r10), %eax
	movb	%al, 93(%r14)
	movzbl	872(%r10), %eax
	movb	%al, 94(%r14)
	movzbl	880(%r10), %eax
	movb	%al, 95(%r14)
	movzbl	888(%r10), %eax
	movb	%al, 96(%r14)
	movzbl	896(%r10), %eax
	movb	%al, 97(%r14)
	movzbl	904(%r10), %eax
	movb	%al, 98(%r14)
	movzbl	912(%r10), %eax
	movb	%al, 99(%r14)
	movzbl	920(%r10), %eax
	movb	%al, 100(%r14)
	movzbl	928(%r10), %eax
	movb	%al, 101(%r14)
	movzbl	936(%r10), %eax
	movb	%al, 102(%r14)
	movzbl	944(%r10), %eax
	movb	%al, 103(%r14)
	movzbl	952(%r10), %eax
	movb	%al, 104(%r14)
	movzbl	960(%r10), %eax
	movb	%al, 105(%r14)
	movzbl	968(%r10), %eax
	movb	%al, 106(%r14)
	movzbl	976(%r10), %eax
	movb	%al, 107(%r14)
	movzbl	984(%r10), %eax
	movb	%al, 108(%r14)
	movzbl	992(%r10), %eax
	movb	%al, 109(%r14)
	movzbl	1000(%r10), %eax
	movb	%al, 110(%r14)
	movzbl	1008(%r10), %eax
	movb	%al, 111(%r14)
	movzbl	1016(%r10), %eax
	movb	%al, 112(%r14)
	movq	400(%rsp), %rax
	incq	%r9
	addq	%rax, %r14
	cmpq	%rsi, %r9
	je	.LBB5_31
.LBB5_18:
	movq	128(%rsp), %rax
	movq	%r9, 8(%rsp)
	leaq	(%rax,%r9,8), %r11
	cmpq	$8, %r15
	jae	.LBB5_6
	movq	24(%rsp), %rax
	xorl	%r12d, %r12d
	jmp	.LBB5_9
	.p2align	4
.LBB5_6:
	movq	56(%rsp), %r12
	xorl	%ecx, %ecx
	.p2align	4
.LBB5_7:
	leaq	(%r13,%rcx), %r9
	movq	%r9, %rdx
	sarq	$63, %rdx
	andq	%rbx, %rdx
	addq	%r9, %rdx
	imulq	%rsi, %rdx
	vmovsd	(%r11,%rdx,8), %xmm1
	leaq	1(%r13,%rcx), %rdx
	sarq	$63, %rdx
	andq	%rbx, %rdx
	leaq	1(%rdx,%r9), %rdx
	imulq	%rsi, %rdx
	vmovsd	%xmm1, (%rbp,%rcx,8)
	vmovsd	(%r11,%rdx,8), %xmm1
	leaq	2(%r13,%rcx), %rdx
	sarq	$63, %rdx
	andq	%rbx, %rdx
	leaq	2(%rdx,%r9), %rdx
	imulq	%rsi, %rdx
	vmovsd	%xmm1, 8(%rbp,%rcx,8)
	vmovsd	(%r11,%rdx,8), %xmm1
	leaq	3(%r13,%rcx), %rdx
	sarq	$63, %rdx
	andq	%rbx, %rdx
	leaq	3(%rdx,%r9), %rdx
	imulq	%rsi, %rdx
	vmovsd	%xmm1, 16(%rbp,%rcx,8)
	vmovsd	(%r11,%rdx,8), %xmm1
	leaq	4(%r13,%rcx), %rdx
	sarq	$63, %rdx
	andq	%rbx, %rdx
	leaq	4(%rdx,%r9), %rdx
	imulq	%rsi, %rdx
	vmovsd	%xmm1, 24(%rbp,%rcx,8)
	vmovsd	(%r11,%rdx,8), %xmm1
	leaq	5(%r13,%rcx), %rdx
	sarq	$63, %rdx
	andq	%rbx, %rdx
	leaq	5(%rdx,%r9), %rdx
	imulq	%rsi, %rdx
	vmovsd	%xmm1, 32(%rbp,%rcx,8)
	vmovsd	(%r11,%rdx,8), %xmm1
	leaq	6(%r13,%rcx), %rdx
	sarq	$63, %rdx
	andq	%rbx, %rdx
	leaq	6(%rdx,%r9), %rdx
	imulq	%rsi, %rdx
	vmovsd	%xmm1, 40(%rbp,%rcx,8)
	vmovsd	(%r11,%rdx,8), %xmm1
	leaq	7(%r13,%rcx), %rdx
	sarq	$63, %rdx
	andq	%rbx, %rdx
	leaq	7(%rdx,%r9), %rdx
	imulq	%rsi, %rdx
	vmovsd	%xmm1, 48(%rbp,%rcx,8)
	vmovsd	(%r11,%rdx,8), %xmm1
	vmovsd	%xmm1, 56(%rbp,%rcx,8)
	addq	$8, %rcx
	cmpq	%rcx, %r12
	jne	.LBB5_7
	cmpq	$0, 64(%rsp)
	movq	24(%rsp), %rax
	je	.LBB5_11
.LBB5_9:
	leaq	(%rbp,%r12,8), %r9
	addq	%r13, %r12
	xorl	%edx, %edx
	.p2align	4
.LBB5_10:
	movq	%r12, %rcx
	sarq	$63, %rcx
	andq	%rbx, %rcx
	addq	%r12, %rcx
	incq	%r12
	imulq	%rsi, %rcx
	vmovsd	(%r11,%rcx,8), %xmm1
	vmovsd	%xmm1, (%r9,%rdx)
	addq	$8, %rdx
	cmpq	%rdx, %rax
	jne	.LBB5_10
.LBB5_11:
	movq	328(%rsp), %rax
	movq	8(%rsp), %rcx
	vmovups	%zmm0, 960(%r10)
	vmovups	%zmm0, 896(%r10)
	vmovups	%zmm0, 832(%r10)
	vmovups	%zmm0, 768(%r10)
	vmovups	%zmm0, 704(%r10)
	vmovups	%zmm0, 640(%r10)
	vmovups	%zmm0, 576(%r10)
	vmovups	%zmm0, 512(%r10)
	vmovups	%zmm0, 448(%r10)
	vmovups	%zmm0, 384(%r10)
	vmovups	%zmm0, 320(%r10)
	vmovups	%zmm0, 256(%r10)
	vmovups	%zmm0, 192(%r10)
	vmovups	%zmm0, 128(%r10)
	vmovups	%zmm0, 64(%r10)
	vmovups	%zmm0, (%r10)
	movzbl	(%rax,%rcx,8), %ecx
	movl	$1, %eax
	shlxq	%rcx, %rax, %r11
	sarq	%r11
	je	.LBB5_16
	movq	216(%rsp), %rax
	movq	8(%rsp), %rcx
	movq	(%rax,%rcx,8), %rcx
	decq	%rcx
	.p2align	4
.LBB5_13:
	xorl	%r9d, %r9d
	.p2align	4
.LBB5_14:
	movq	(%r10,%r9,8), %rdx
	vmovsd	(%rbp,%r9,8), %xmm1
	movq	8(%r10,%r9,8), %rax
	leaq	(%rdx,%r11), %r12
	leaq	(%r12,%rcx), %r15
	leaq	(%r8,%r15,8), %rsi
	sarq	$63, %r15
	andq	%rdi, %r15
	vucomisd	(%rsi,%r15,8), %xmm1
	cmovbeq	%rdx, %r12
	movq	%r12, (%r10,%r9,8)
	leaq	(%rax,%r11), %r12
	leaq	(%r12,%rcx), %rsi
	vmovsd	8(%rbp,%r9,8), %xmm1
	leaq	(%r8,%rsi,8), %r15
	sarq	$63, %rsi
	andq	%rdi, %rsi
	vucomisd	(%r15,%rsi,8), %xmm1
	cmovbeq	%rax, %r12
	movq	%r12, 8(%r10,%r9,8)
	movq	16(%r10,%r9,8), %rax
	vmovsd	16(%rbp,%r9,8), %xmm1
	leaq	(%rax,%r11), %rdx
	leaq	(%rdx,%rcx), %rsi
	leaq	(%r8,%rsi,8), %r15
	sarq	$63, %rsi
	andq	%rdi, %rsi
	vucomisd	(%r15,%rsi,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 16(%r10,%r9,8)
	movq	24(%r10,%r9,8), %rax
	vmovsd	24(%rbp,%r9,8), %xmm1
	leaq	(%rax,%r11), %rdx
	leaq	(%rdx,%rcx), %rsi
	leaq	(%r8,%rsi,8), %r15
	sarq	$63, %rsi
	andq	%rdi, %rsi
	vucomisd	(%r15,%rsi,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 24(%r10,%r9,8)
	movq	32(%r10,%r9,8), %rax
	vmovsd	32(%rbp,%r9,8), %xmm1
	leaq	(%rax,%r11), %rdx
	leaq	(%rdx,%rcx), %rsi
	leaq	(%r8,%rsi,8), %r15
	sarq	$63, %rsi
	andq	%rdi, %rsi
	vucomisd	(%r15,%rsi,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 32(%r10,%r9,8)
	movq	40(%r10,%r9,8), %rax
	vmovsd	40(%rbp,%r9,8), %xmm1
	leaq	(%rax,%r11), %rdx
	leaq	(%rdx,%rcx), %rsi
	leaq	(%r8,%rsi,8), %r15
	sarq	$63, %rsi
	andq	%rdi, %rsi
	vucomisd	(%r15,%rsi,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 40(%r10,%r9,8)
	movq	48(%r10,%r9,8), %rax
	vmovsd	48(%rbp,%r9,8), %xmm1
	leaq	(%rax,%r11), %rdx
	leaq	(%rdx,%rcx), %rsi
	leaq	(%r8,%rsi,8), %r15
	sarq	$63, %rsi
	andq	%rdi, %rsi
	vucomisd	(%r15,%rsi,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 48(%r10,%r9,8)
	movq	56(%r10,%r9,8), %rax
	vmovsd	56(%rbp,%r9,8), %xmm1
	leaq	(%rax,%r11), %rdx
	leaq	(%rdx,%rcx), %rsi
	leaq	(%r8,%rsi,8), %r15
	sarq	$63, %rsi
	andq	%rdi, %rsi
	vucomisd	(%r15,%rsi,8), %xmm1
	cmovaq	%rdx, %rax
	movq	%rax, 56(%r10,%r9,8)
	addq	$8, %r9
	cmpq	$128, %r9
	jne	.LBB5_14
	sarq	%r11
	jne	.LBB5_13
.LBB5_16:
	cmpb	$0, 7(%rsp)
	jne	.LBB5_17
	movq	8(%rsp), %r9
	movq	400(%rsp), %rax
	vmovdqu64	(%r10), %zmm1
	vmovdqu64	64(%r10), %zmm2
	vmovdqu64	128(%r10), %zmm3
	vmovdqu64	192(%r10), %zmm4
	movq	384(%rsp), %rdx
	movq	144(%rsp), %rsi
	movq	176(%rsp), %r15
	movq	%r9, %rcx
	imulq	%rax, %rcx
	vpmovqb	%zmm1, (%rdx,%rcx)
	vpmovqb	%zmm2, 8(%rdx,%rcx)
	vpmovqb	%zmm3, 16(%rdx,%rcx)
	vpmovqb	%zmm4, 24(%rdx,%rcx)
	vmovdqu64	256(%r10), %zmm1
	vmovdqu64	320(%r10), %zmm2
	vmovdqu64	384(%r10), %zmm3
	vmovdqu64	448(%r10), %zmm4
	vpmovqb	%zmm1, 32(%rdx,%rcx)
	vpmovqb	%zmm2, 40(%rdx,%rcx)
	vpmovqb	%zmm3, 48(%rdx,%rcx)
	vpmovqb	%zmm4, 56(%rdx,%rcx)
	vmovdqu64	512(%r10), %zmm1
	vmovdqu64	576(%r10), %zmm2
	vmovdqu64	640(%r10), %zmm3
	vmovdqu64	704(%r10), %zmm4
	vpmovqb	%zmm1, 64(%rdx,%rcx)
	vpmovqb	%zmm2, 72(%rdx,%rcx)
	vpmovqb	%zmm3, 80(%rdx,%rcx)
	vpmovqb	%zmm4, 88(%rdx,%rcx)
	vmovdqu64	768(%r10), %zmm1
	vmovdqu64	832(%r10), %zmm2
	vmovdqu64	896(%r10), %zmm3
	vmovdqu64	960(%r10), %zmm4
	vpmovqb	%zmm1, 96(%rdx,%rcx)
	vpmovqb	%zmm2, 104(%rdx,%rcx)
	vpmovqb	%zmm3, 112(%rdx,%rcx)
	vpmovqb	%zmm4, 120(%rdx,%rcx)
	incq	%r9
	addq	%rax, %r14
	cmpq	%rsi, %r9
	jne	.LBB5_18
.LBB5_31:
	movq	32(%rsp), %rdi
	movabsq	$NRT_decref, %rbx
	vzeroupper
	callq	*%rbx
	movq	240(%rsp), %rdi
	callq	*%rbx
	movq	184(%rsp), %rdi
	callq	*%rbx
	movq	352(%rsp), %rdi
	callq	*%rbx
	movq	296(%rsp), %rdi
	callq	*%rbx
	movq	16(%rsp), %rdi
	callq	*%rbx
	movq	48(%rsp), %rdi
	callq	*%rbx
	movq	40(%rsp), %rax
	movq	$0, (%rax)
	xorl	%eax, %eax
.LBB5_32:
	addq	$72, %rsp
	.cfi_def_cfa_offset 56
	popq	%rbx
	.cfi_def_cfa_offset 48
	popq	%r12
	.cfi_def_cfa_offset 40
	popq	%r13
	.cfi_def_cfa_offset 32
	popq	%r14
	.cfi_def_cfa_offset 24
	popq	%r15
	.cfi_def_cfa_offset 16
	popq	%rbp
	.cfi_def_cfa_offset 8
	retq
.LBB5_20:
	.cfi_def_cfa_offset 128
	cmpq	%rdx, %r11
	vxorps	%xmm0, %xmm0, %xmm0
	setb	%al
	cmpq	%rcx, %r10
	setb	%cl
	andb	%al, %cl
	testq	%r9, %r9
	leaq	15(%r11), %r9
	sets	%sil
	xorl	%r11d, %r11d
	orb	%cl, %sil
	jmp	.LBB5_24
	.p2align	4
.LBB5_21:
	movq	400(%rsp), %rdx
	vmovdqu64	(%r10), %zmm1
	vmovdqu64	64(%r10), %zmm2
	vmovdqu64	128(%r10), %zmm3
	vmovdqu64	192(%r10), %zmm4
	movq	384(%rsp), %rax
	movq	%r11, %rcx
	imulq	%rdx, %rcx
	vpmovqb	%zmm1, (%rax,%rcx)
	vpmovqb	%zmm2, 8(%rax,%rcx)
	vpmovqb	%zmm3, 16(%rax,%rcx)
	vpmovqb	%zmm4, 24(%rax,%rcx)
	vmovdqu64	256(%r10), %zmm1
	vmovdqu64	320(%r10), %zmm2
	vmovdqu64	384(%r10), %zmm3
	vmovdqu64	448(%r10), %zmm4
	vpmovqb	%zmm1, 32(%rax,%rcx)
	vpmovqb	%zmm2, 40(%rax,%rcx)
	vpmovqb	%zmm3, 48(%rax,%rcx)
	vpmovqb	%zmm4, 56(%rax,%rcx)
	vmovdqu64	512(%r10), %zmm1
	vmovdqu64	576(%r10), %zmm2
	vmovdqu64	640(%r10), %zmm3
	vmovdqu64	704(%r10), %zmm4
	vpmovqb	%zmm1, 64(%rax,%rcx)
	vpmovqb	%zmm2, 72(%rax,%rcx)
	vpmovqb	%zmm3, 80(%rax,%rcx)
	vpmovqb	%zmm4, 88(%rax,%rcx)
	vmovdqu64	768(%r10), %zmm1
	vmovdqu64	832(%r10), %zmm2
	vmovdqu64	896(%r10), %zmm3
	vmovdqu64	960(%r10), %zmm4
	vpmovqb	%zmm1, 96(%rax,%rcx)
	vpmovqb	%zmm2, 104(%rax,%rcx)
	vpmovqb	%zmm3, 112(%rax,%rcx)
	vpmovqb	%zmm4, 120(%rax,%rcx)
.LBB5_22:
	movq	144(%rsp), %rax
	incq	%r11
	addq	%rdx, %r9
	cmpq	%rax, %r11
	je	.LBB5_31
.LBB5_24:
	movq	328(%rsp), %rax
	vmovups	%zmm0, 960(%r10)
	vmovups	%zmm0, 896(%r10)
	vmovups	%zmm0, 832(%r10)
	vmovups	%zmm0, 768(%r10)
	vmovups	%zmm0, 704(%r10)
	vmovups	%zmm0, 640(%r10)
	vmovups	%zmm0, 576(%r10)
	vmovups	%zmm0, 512(%r10)
	vmovups	%zmm0, 448(%r10)
	vmovups	%zmm0, 384(%r10)
	vmovups	%zmm0, 320(%r10)
	vmovups	%zmm0, 256(%r10)
	vmovups	%zmm0, 192(%r10)
	vmovups	%zmm0, 128(%r10)
	vmovups	%zmm0, 64(%r10)
	vmovups	%zmm0, (%r10)
	movl	$1, %ecx
	movzbl	(%rax,%r11,8), %eax
	shlxq	%rax, %rcx, %r14
	sarq	%r14
	je	.LBB5_29
	movq	216(%rsp), %rax
	movq	(%rax,%r11,8), %rcx
	decq	%rcx
	.p2align	4
.LBB5_26:
	xorl	%r15d, %r15d
	.p2align	4
.LBB5_27:
	movq	(%r10,%r15,8), %rax
	vmovsd	(%rbp,%r15,8), %xmm1
	movq	8(%r10,%r15,8), %rbx
	leaq	(%rax,%r14), %rdx
	leaq	(%rdx,%rcx), %r12
	leaq	(%r8,%r12,8), %r13
	sarq	$63, %r12
	andq	%rdi, %r12
	vucomisd	(%r13,%r12,8), %xmm1
	cmovbeq	%rax, %rdx
	leaq	(%rbx,%r14), %rax
	movq	%rdx, (%r10,%r15,8)
	leaq	(%rax,%rcx), %rdx
	leaq	(%r8,%rdx,8), %r12
	sarq	$63, %rdx
	vmovsd	8(%rbp,%r15,8), %xmm1
	andq	%rdi, %rdx
	vucomisd	(%r12,%rdx,8), %xmm1
	cmovbeq	%rbx, %rax
	movq	%rax, 8(%r10,%r15,8)
	movq	16(%r10,%r15,8), %rax
	vmovsd	16(%rbp,%r15,8), %xmm1
	leaq	(%rax,%r14), %rdx
	leaq	(%rdx,%rcx), %rbx
	leaq	(%r8,%rbx,8), %r12
	sarq	$63, %rbx
	andq	%rdi, %rbx
	vucomisd	(%r12,%rbx,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 16(%r10,%r15,8)
	movq	24(%r10,%r15,8), %rax
	vmovsd	24(%rbp,%r15,8), %xmm1
	leaq	(%rax,%r14), %rdx
	leaq	(%rdx,%rcx), %rbx
	leaq	(%r8,%rbx,8), %r12
	sarq	$63, %rbx
	andq	%rdi, %rbx
	vucomisd	(%r12,%rbx,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 24(%r10,%r15,8)
	movq	32(%r10,%r15,8), %rax
	vmovsd	32(%rbp,%r15,8), %xmm1
	leaq	(%rax,%r14), %rdx
	leaq	(%rdx,%rcx), %rbx
	leaq	(%r8,%rbx,8), %r12
	sarq	$63, %rbx
	andq	%rdi, %rbx
	vucomisd	(%r12,%rbx,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 32(%r10,%r15,8)
	movq	40(%r10,%r15,8), %rax
	vmovsd	40(%rbp,%r15,8), %xmm1
	leaq	(%rax,%r14), %rdx
	leaq	(%rdx,%rcx), %rbx
	leaq	(%r8,%rbx,8), %r12
	sarq	$63, %rbx
	andq	%rdi, %rbx
	vucomisd	(%r12,%rbx,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 40(%r10,%r15,8)
	movq	48(%r10,%r15,8), %rax
	vmovsd	48(%rbp,%r15,8), %xmm1
	leaq	(%rax,%r14), %rdx
	leaq	(%rdx,%rcx), %rbx
	leaq	(%r8,%rbx,8), %r12
	sarq	$63, %rbx
	andq	%rdi, %rbx
	vucomisd	(%r12,%rbx,8), %xmm1
	cmovbeq	%rax, %rdx
	movq	%rdx, 48(%r10,%r15,8)
	movq	56(%r10,%r15,8), %rax
	vmovsd	56(%rbp,%r15,8), %xmm1
	leaq	(%rax,%r14), %rdx
	leaq	(%rdx,%rcx), %rbx
	leaq	(%r8,%rbx,8), %r12
	sarq	$63, %rbx
	andq	%rdi, %rbx
	vucomisd	(%r12,%rbx,8), %xmm1
	cmovaq	%rdx, %rax
	movq	%rax, 56(%r10,%r15,8)
	addq	$8, %r15
	cmpq	$128, %r15
	jne	.LBB5_27
	sarq	%r14
	jne	.LBB5_26
.LBB5_29:
	testb	%sil, %sil
	je	.LBB5_21
	movzbl	(%r10), %eax
	movq	400(%rsp), %rdx
	movb	%al, -15(%r9)
	movzbl	8(%r10), %eax
	movb	%al, -14(%r9)
	movzbl	16(%r10), %eax
	movb	%al, -13(%r9)
	movzbl	24(%r10), %eax
	movb	%al, -12(%r9)
	movzbl	32(%r10), %eax
	movb	%al, -11(%r9)
	movzbl	40(%r10), %eax
	movb	%al, -10(%r9)
	movzbl	48(%r10), %eax
	movb	%al, -9(%r9)
	movzbl	56(%r10), %eax
	movb	%al, -8(%r9)
	movzbl	64(%r10), %eax
	movb	%al, -7(%r9)
	movzbl	72(%r10), %eax
	movb	%al, -6(%r9)
	movzbl	80(%r10), %eax
	movb	%al, -5(%r9)
	movzbl	88(%r10), %eax
	movb	%al, -4(%r9)
	movzbl	96(%r10), %eax
	movb	%al, -3(%r9)
	movzbl	104(%r10), %eax
	movb	%al, -2(%r9)
	movzbl	112(%r10), %eax
	movb	%al, -1(%r9)
	movzbl	120(%r10), %eax
	movb	%al, (%r9)
	movzbl	128(%r10), %eax
	movb	%al, 1(%r9)
	movzbl	136(%r10), %eax
	movb	%al, 2(%r9)
	movzbl	144(%r10), %eax
	movb	%al, 3(%r9)
	movzbl	152(%r10), %eax
	movb	%al, 4(%r9)
	movzbl	160(%r10), %eax
	movb	%al, 5(%r9)
	movzbl	168(%r10), %eax
	movb	%al, 6(%r9)
	movzbl	176(%r10), %eax
	movb	%al, 7(%r9)
	movzbl	184(%r10), %eax
	movb	%al, 8(%r9)
	movzbl	192(%r10), %eax
	movb	%al, 9(%r9)
	movzbl	200(%r10), %eax
	movb	%al, 10(%r9)
	movzbl	208(%r10), %eax
	movb	%al, 11(%r9)
	movzbl	216(%r10), %eax
	movb	%al, 12(%r9)
	movzbl	224(%r10), %eax
	movb	%al, 13(%r9)
	movzbl	232(%r10), %eax
	movb	%al, 14(%r9)
	movzbl	240(%r10), %eax
	movb	%al, 15(%r9)
	movzbl	248(%r10), %eax
	movb	%al, 16(%r9)
	movzbl	256(%r10), %eax
	movb	%al, 17(%r9)
	movzbl	264(%r10), %eax
	movb	%al, 18(%r9)
	movzbl	272(%r10), %eax
	movb	%al, 19(%r9)
	movzbl	280(%r10), %eax
	movb	%al, 20(%r9)
	movzbl	288(%r10), %eax
	movb	%al, 21(%r9)
	movzbl	296(%r10), %eax
	movb	%al, 22(%r9)
	movzbl	304(%r10), %eax
	movb	%al, 23(%r9)
	movzbl	312(%r10), %eax
	movb	%al, 24(%r9)
	movzbl	320(%r10), %eax
	movb	%al, 25(%r9)
	movzbl	328(%r10), %eax
	movb	%al, 26(%r9)
	movzbl	336(%r10), %eax
	movb	%al, 27(%r9)
	movzbl	344(%r10), %eax
	movb	%al, 28(%r9)
	movzbl	352(%r10), %eax
	movb	%al, 29(%r9)
	movzbl	360(%r10), %eax
	movb	%al, 30(%r9)
	movzbl	368(%r10), %eax
	movb	%al, 31(%r9)
	movzbl	376(%r10), %eax
	movb	%al, 32(%r9)
	movzbl	384(%r10), %eax
	movb	%al, 33(%r9)
	movzbl	392(%r10), %eax
	movb	%al, 34(%r9)
	movzbl	400(%r10), %eax
	movb	%al, 35(%r9)
	movzbl	408(%r10), %eax
	movb	%al, 36(%r9)
	movzbl	416(%r10), %eax
	movb	%al, 37(%r9)
	movzbl	424(%r10), %eax
	movb	%al, 38(%r9)
	movzbl	432(%r10), %eax
	movb	%al, 39(%r9)
	movzbl	440(%r10), %eax
	movb	%al, 40(%r9)
	movzbl	448(%r10), %eax
	movb	%al, 41(%r9)
	movzbl	456(%r10), %eax
	movb	%al, 42(%r9)
	movzbl	464(%r10), %eax
	movb	%al, 43(%r9)
	movzbl	472(%r10), %eax
	movb	%al, 44(%r9)
	movzbl	480(%r10), %eax
	movb	%al, 45(%r9)
	movzbl	488(%r10), %eax
	movb	%al, 46(%r9)
	movzbl	496(%r10), %eax
	movb	%al, 47(%r9)
	movzbl	504(%r10), %eax
	movb	%al, 48(%r9)
	movzbl	512(%r10), %eax
	movb	%al, 49(%r9)
	movzbl	520(%r10), %eax
	movb	%al, 50(%r9)
	movzbl	528(%r10), %eax
	movb	%al, 51(%r9)
	movzbl	536(%r10), %eax
	movb	%al, 52(%r9)
	movzbl	544(%r10), %eax
	movb	%al, 53(%r9)
	movzbl	552(%r10), %eax
	movb	%al, 54(%r9)
	movzbl	560(%r10), %eax
	movb	%al, 55(%r9)
	movzbl	568(%r10), %eax
	movb	%al, 56(%r9)
	movzbl	576(%r10), %eax
	movb	%al, 57(%r9)
	movzbl	584(%r10), %eax
	movb	%al, 58(%r9)
	movzbl	592(%r10), %eax
	movb	%al, 59(%r9)
	movzbl	600(%r10), %eax
	movb	%al, 60(%r9)
	movzbl	608(%r10), %eax
	movb	%al, 61(%r9)
	movzbl	616(%r10), %eax
	movb	%al, 62(%r9)
	movzbl	624(%r10), %eax
	movb	%al, 63(%r9)
	movzbl	632(%r10), %eax
	movb	%al, 64(%r9)
	movzbl	640(%r10), %eax
	movb	%al, 65(%r9)
	movzbl	648(%r10), %eax
	movb	%al, 66(%r9)
	movzbl	656(%r10), %eax
	movb	%al, 67(%r9)
	movzbl	664(%r10), %eax
	movb	%al, 68(%r9)
	movzbl	672(%r10), %eax
	movb	%al, 69(%r9)
	movzbl	680(%r10), %eax
	movb	%al, 70(%r9)
	movzbl	688(%r10), %eax
	movb	%al, 71(%r9)
	movzbl	696(%r10), %eax
	movb	%al, 72(%r9)
	movzbl	704(%r10), %eax
	movb	%al, 73(%r9)
	movzbl	712(%r10), %eax
	movb	%al, 74(%r9)
	movzbl	720(%r10), %eax
	movb	%al, 75(%r9)
	movzbl	728(%r10), %eax
	movb	%al, 76(%r9)
	movzbl	736(%r10), %eax
	movb	%al, 77(%r9)
	movzbl	744(%r10), %eax
	movb	%al, 78(%r9)
	movzbl	752(%r10), %eax
	movb	%al, 79(%r9)
	movzbl	760(%r10), %eax
	movb	%al, 80(%r9)
	movzbl	768(%r10), %eax
	movb	%al, 81(%r9)
	movzbl	776(%r10), %eax
	movb	%al, 82(%r9)
	movzbl	784(%r10), %eax
	movb	%al, 83(%r9)
	movzbl	792(%r10), %eax
	movb	%al, 84(%r9)
	movzbl	800(%r10), %eax
	movb	%al, 85(%r9)
	movzbl	808(%r10), %eax
	movb	%al, 86(%r9)
	movzbl	816(%r10), %eax
	movb	%al, 87(%r9)
	movzbl	824(%r10), %eax
	movb	%al, 88(%r9)
	movzbl	832(%r10), %eax
	movb	%al, 89(%r9)
	movzbl	840(%r10), %eax
	movb	%al, 90(%r9)
	movzbl	848(%r10), %eax
	movb	%al, 91(%r9)
	movzbl	856(%r10), %eax
	movb	%al, 92(%r9)
	movzbl	864(%r10), %eax
	movb	%al, 93(%r9)
	movzbl	872(%r10), %eax
	movb	%al, 94(%r9)
	movzbl	880(%r10), %eax
	movb	%al, 95(%r9)
	movzbl	888(%r10), %eax
	movb	%al, 96(%r9)
	movzbl	896(%r10), %eax
	movb	%al, 97(%r9)
	movzbl	904(%r10), %eax
	movb	%al, 98(%r9)
	movzbl	912(%r10), %eax
	movb	%al, 99(%r9)
	movzbl	920(%r10), %eax
	movb	%al, 100(%r9)
	movzbl	928(%r10), %eax
	movb	%al, 101(%r9)
	movzbl	936(%r10), %eax
	movb	%al, 102(%r9)
	movzbl	944(%r10), %eax
	movb	%al, 103(%r9)
	movzbl	952(%r10), %eax
	movb	%al, 104(%r9)
	movzbl	960(%r10), %eax
	movb	%al, 105(%r9)
	movzbl	968(%r10), %eax
	movb	%al, 106(%r9)
	movzbl	976(%r10), %eax
	movb	%al, 107(%r9)
	movzbl	984(%r10), %eax
	movb	%al, 108(%r9)
	movzbl	992(%r10), %eax
	movb	%al, 109(%r9)
	movzbl	1000(%r10), %eax
	movb	%al, 110(%r9)
	movzbl	1008(%r10), %eax
	movb	%al, 111(%r9)
	movzbl	1016(%r10), %eax
	movb	%al, 112(%r9)
	jmp	.LBB5_22
.LBB5_33:
	movabsq	$.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.39, %rax
	jmp	.LBB5_35
.LBB5_34:
	movabsq	$.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.9, %rax
.LBB5_35:
	movq	8(%rsp), %rcx
	movq	%rax, (%rcx)
	movl	$1, %eax
	jmp	.LBB5_32
.Lfunc_end5:
	.size	_ZN5proto4rankB3v15B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedExx5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi2E1C7mutable7alignedE, .Lfunc_end5-_ZN5proto4rankB3v15B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedExx5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi2E1C7mutable7alignedE
	.cfi_endproc

	.type	.const.pickledata.dc3bba832c4c3758273d0db24b835691af3f316c,@object
	.section	.lrodata,"al",@progbits
	.p2align	4, 0x0
.const.pickledata.dc3bba832c4c3758273d0db24b835691af3f316c:
	.ascii	"\200\004\225H\000\000\000\000\000\000\000\214\bbuiltins\224\214\023NotImplementedError\224\223\224\214\034incompatible shape for array\224\205\224N\207\224."
	.size	.const.pickledata.dc3bba832c4c3758273d0db24b835691af3f316c, 83

	.type	.const.pickledata.dc3bba832c4c3758273d0db24b835691af3f316c.sha1,@object
	.p2align	4, 0x0
.const.pickledata.dc3bba832c4c3758273d0db24b835691af3f316c.sha1:
	.ascii	"\334;\272\203,L7X'=\r\262K\203V\221\257?1l"
	.size	.const.pickledata.dc3bba832c4c3758273d0db24b835691af3f316c.sha1, 20

	.type	.const.picklebuf.dc3bba832c4c3758273d0db24b835691af3f316c,@object
	.p2align	4, 0x0
.const.picklebuf.dc3bba832c4c3758273d0db24b835691af3f316c:
	.quad	.const.pickledata.dc3bba832c4c3758273d0db24b835691af3f316c
	.long	83
	.zero	4
	.quad	.const.pickledata.dc3bba832c4c3758273d0db24b835691af3f316c.sha1
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.dc3bba832c4c3758273d0db24b835691af3f316c, 40

	.type	.const.bitwise,@object
.const.bitwise:
	.asciz	"bitwise"
	.size	.const.bitwise, 8

	.type	_ZN08NumbaEnv6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE,@object
	.comm	_ZN08NumbaEnv6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE,8,8
	.type	".const.missing Environment: _ZN08NumbaEnv6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE",@object
	.p2align	4, 0x0
".const.missing Environment: _ZN08NumbaEnv6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE":
	.asciz	"missing Environment: _ZN08NumbaEnv6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE"
	.size	".const.missing Environment: _ZN08NumbaEnv6proto27bitwiseB2v1B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIhLi1E1C7mutable7alignedE", 517

	.type	".const.can't unbox array from PyObject into native value.  The object maybe of a different type",@object
	.p2align	4, 0x0
".const.can't unbox array from PyObject into native value.  The object maybe of a different type":
	.asciz	"can't unbox array from PyObject into native value.  The object maybe of a different type"
	.size	".const.can't unbox array from PyObject into native value.  The object maybe of a different type", 89

	.type	".const.Error creating Python tuple from runtime exception arguments",@object
	.p2align	4, 0x0
".const.Error creating Python tuple from runtime exception arguments":
	.asciz	"Error creating Python tuple from runtime exception arguments"
	.size	".const.Error creating Python tuple from runtime exception arguments", 61

	.type	".const.Error creating Python tuple from runtime exception arguments.1",@object
	.p2align	4, 0x0
".const.Error creating Python tuple from runtime exception arguments.1":
	.asciz	"Error creating Python tuple from runtime exception arguments"
	.size	".const.Error creating Python tuple from runtime exception arguments.1", 61

	.type	".const.<numba.core.cpu.CPUContext>",@object
	.p2align	4, 0x0
".const.<numba.core.cpu.CPUContext>":
	.asciz	"<numba.core.cpu.CPUContext>"
	.size	".const.<numba.core.cpu.CPUContext>", 28

	.type	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_zeros12_3clocals_3e4implB2v2B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE8UniTupleIxLi2EE16dtype_28uint8_29,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_zeros12_3clocals_3e4implB2v2B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE8UniTupleIxLi2EE16dtype_28uint8_29,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB2v3B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE8UniTupleIxLi2EE16dtype_28uint8_29,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB2v3B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE8UniTupleIxLi2EE16dtype_28uint8_29,8,8
	.type	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b,@object
	.p2align	4, 0x0
.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b:
	.ascii	"\200\004\225B\000\000\000\000\000\000\000\214\bbuiltins\224\214\nValueError\224\223\224\214\037negative dimensions not allowed\224\205\224N\207\224."
	.size	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b, 77

	.type	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.sha1,@object
	.p2align	4, 0x0
.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.sha1:
	.ascii	"3\033\205c\275\271\332\310\0338B\"s\005,Ho\301pk"
	.size	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.sha1, 20

	.type	.const.picklebuf.331b8563bdb9dac81b38422273052c486fc1706b,@object
	.p2align	4, 0x0
.const.picklebuf.331b8563bdb9dac81b38422273052c486fc1706b:
	.quad	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b
	.long	77
	.zero	4
	.quad	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.sha1
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.331b8563bdb9dac81b38422273052c486fc1706b, 40

	.type	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57,@object
	.p2align	4, 0x0
.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57:
	.ascii	"\200\004\225~\000\000\000\000\000\000\000\214\bbuiltins\224\214\nValueError\224\223\224\214[array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.\224\205\224N\207\224."
	.size	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57, 137

	.type	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.sha1,@object
	.p2align	4, 0x0
.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.sha1:
	.ascii	"X\341N\314\265\007\261\340 i\201t\002#\346\205\313\214<W"
	.size	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.sha1, 20

	.type	.const.picklebuf.58e14eccb507b1e0206981740223e685cb8c3c57,@object
	.p2align	4, 0x0
.const.picklebuf.58e14eccb507b1e0206981740223e685cb8c3c57:
	.quad	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57
	.long	137
	.zero	4
	.quad	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.sha1
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.58e14eccb507b1e0206981740223e685cb8c3c57, 40

	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209:
	.ascii	"\200\004\225K\000\000\000\000\000\000\000\214\bbuiltins\224\214\013MemoryError\224\223\224\214'Allocation failed (probably too large).\224\205\224N\207\224."
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209, 86

	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1:
	.ascii	"\272(\235\201\360\\p \363G|\025sH\004\337e\253\342\t"
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1, 20

	.type	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209,@object
	.p2align	4, 0x0
.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209:
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209
	.long	86
	.zero	4
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209, 40

	.type	_ZN08NumbaEnv5numba2np8arrayobj18ol_array_zero_fill12_3clocals_3e4implB2v6B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE5ArrayIhLi2E1C7mutable7alignedE,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj18ol_array_zero_fill12_3clocals_3e4implB2v6B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE5ArrayIhLi2E1C7mutable7alignedE,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj23normalize_reshape_valueB3v18B42c8tJTC_2fWQA93W1AaAIYBPIqRBFCjDSZRVAJmaQIAEy5ArrayIxLi1E1C7mutable7alignedE,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj23normalize_reshape_valueB3v18B42c8tJTC_2fWQA93W1AaAIYBPIqRBFCjDSZRVAJmaQIAEy5ArrayIxLi1E1C7mutable7alignedE,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_zeros12_3clocals_3e4implB2v7B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx48omitted_28default_3d_3cclass_20_27float_27_3e_29,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_zeros12_3clocals_3e4implB2v7B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx48omitted_28default_3d_3cclass_20_27float_27_3e_29,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB2v8B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx39Function_28_3cclass_20_27float_27_3e_29,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB2v8B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx39Function_28_3cclass_20_27float_27_3e_29,8,8
	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.20,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.20:
	.ascii	"\200\004\225K\000\000\000\000\000\000\000\214\bbuiltins\224\214\013MemoryError\224\223\224\214'Allocation failed (probably too large).\224\205\224N\207\224."
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.20, 86

	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.21,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.21:
	.ascii	"\272(\235\201\360\\p \363G|\025sH\004\337e\253\342\t"
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.21, 20

	.type	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.13,@object
	.p2align	4, 0x0
.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.13:
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.20
	.long	86
	.zero	4
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.21
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.13, 40

	.type	_ZN08NumbaEnv5numba2np8arrayobj18ol_array_zero_fill12_3clocals_3e4implB2v9B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE5ArrayIdLi1E1C7mutable7alignedE,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj18ol_array_zero_fill12_3clocals_3e4implB2v9B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE5ArrayIdLi1E1C7mutable7alignedE,8,8
	.type	_ZN08NumbaEnv5numba7cpython8builtins6ol_max12_3clocals_3e4implB3v10B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE15StarArgUniTupleIxLi2EE,@object
	.comm	_ZN08NumbaEnv5numba7cpython8builtins6ol_max12_3clocals_3e4implB3v10B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE15StarArgUniTupleIxLi2EE,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_zeros12_3clocals_3e4implB3v11B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx17class_28uint64_29,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_zeros12_3clocals_3e4implB3v11B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx17class_28uint64_29,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB3v12B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx17class_28uint64_29,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB3v12B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx17class_28uint64_29,8,8
	.type	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.29,@object
	.p2align	4, 0x0
.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.29:
	.ascii	"\200\004\225B\000\000\000\000\000\000\000\214\bbuiltins\224\214\nValueError\224\223\224\214\037negative dimensions not allowed\224\205\224N\207\224."
	.size	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.29, 77

	.type	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.sha1.30,@object
	.p2align	4, 0x0
.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.sha1.30:
	.ascii	"3\033\205c\275\271\332\310\0338B\"s\005,Ho\301pk"
	.size	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.sha1.30, 20

	.type	.const.picklebuf.331b8563bdb9dac81b38422273052c486fc1706b.28,@object
	.p2align	4, 0x0
.const.picklebuf.331b8563bdb9dac81b38422273052c486fc1706b.28:
	.quad	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.29
	.long	77
	.zero	4
	.quad	.const.pickledata.331b8563bdb9dac81b38422273052c486fc1706b.sha1.30
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.331b8563bdb9dac81b38422273052c486fc1706b.28, 40

	.type	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.31,@object
	.p2align	4, 0x0
.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.31:
	.ascii	"\200\004\225~\000\000\000\000\000\000\000\214\bbuiltins\224\214\nValueError\224\223\224\214[array is too big; `arr.size * arr.dtype.itemsize` is larger than the maximum possible size.\224\205\224N\207\224."
	.size	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.31, 137

	.type	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.sha1.32,@object
	.p2align	4, 0x0
.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.sha1.32:
	.ascii	"X\341N\314\265\007\261\340 i\201t\002#\346\205\313\214<W"
	.size	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.sha1.32, 20

	.type	.const.picklebuf.58e14eccb507b1e0206981740223e685cb8c3c57.27,@object
	.p2align	4, 0x0
.const.picklebuf.58e14eccb507b1e0206981740223e685cb8c3c57.27:
	.quad	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.31
	.long	137
	.zero	4
	.quad	.const.pickledata.58e14eccb507b1e0206981740223e685cb8c3c57.sha1.32
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.58e14eccb507b1e0206981740223e685cb8c3c57.27, 40

	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.33,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.33:
	.ascii	"\200\004\225K\000\000\000\000\000\000\000\214\bbuiltins\224\214\013MemoryError\224\223\224\214'Allocation failed (probably too large).\224\205\224N\207\224."
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.33, 86

	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.34,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.34:
	.ascii	"\272(\235\201\360\\p \363G|\025sH\004\337e\253\342\t"
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.34, 20

	.type	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.26,@object
	.p2align	4, 0x0
.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.26:
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.33
	.long	86
	.zero	4
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.34
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.26, 40

	.type	_ZN08NumbaEnv5numba2np8arrayobj18ol_array_zero_fill12_3clocals_3e4implB3v13B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE5ArrayIyLi1E1C7mutable7alignedE,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj18ol_array_zero_fill12_3clocals_3e4implB3v13B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE5ArrayIyLi1E1C7mutable7alignedE,8,8
	.type	_ZN08NumbaEnv5numba7cpython8builtins6ol_min12_3clocals_3e4implB3v14B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE15StarArgUniTupleIxLi2EE,@object
	.comm	_ZN08NumbaEnv5numba7cpython8builtins6ol_min12_3clocals_3e4implB3v14B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dE15StarArgUniTupleIxLi2EE,8,8
	.type	_ZN08NumbaEnv5proto4rankB3v15B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedExx5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi2E1C7mutable7alignedE,@object
	.comm	_ZN08NumbaEnv5proto4rankB3v15B56c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAK4JJIqUWsIgmAA_3d_3dE5ArrayIdLi2E1C7mutable7alignedExx5ArrayIxLi1E1C7mutable7alignedE5ArrayIdLi1E1C7mutable7alignedE5ArrayIxLi1E1C7mutable7alignedE5ArrayIhLi2E1C7mutable7alignedE,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB3v16B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx48omitted_28default_3d_3cclass_20_27float_27_3e_29,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB3v16B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx48omitted_28default_3d_3cclass_20_27float_27_3e_29,8,8
	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.40,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.40:
	.ascii	"\200\004\225K\000\000\000\000\000\000\000\214\bbuiltins\224\214\013MemoryError\224\223\224\214'Allocation failed (probably too large).\224\205\224N\207\224."
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.40, 86

	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.41,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.41:
	.ascii	"\272(\235\201\360\\p \363G|\025sH\004\337e\253\342\t"
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.41, 20

	.type	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.39,@object
	.p2align	4, 0x0
.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.39:
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.40
	.long	86
	.zero	4
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.41
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.39, 40

	.type	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB3v17B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx16class_28int64_29,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj11ol_np_empty12_3clocals_3e4implB3v17B54c8tJTIeFIjxB2IKSgI4CrvQCk0Z4yRYcWsBAw4hWqFpgsIBZmgA_3dEx16class_28int64_29,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj15_call_allocatorB2v4B42c8tJTC_2fWQA93W1AaAIYBPIqRBFCjDSZRVAJmaQIAEN29typeref_5b_3cclass_20_27numba4core5types8npytypes14Array_27_3e_5dExj,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj15_call_allocatorB2v4B42c8tJTC_2fWQA93W1AaAIYBPIqRBFCjDSZRVAJmaQIAEN29typeref_5b_3cclass_20_27numba4core5types8npytypes14Array_27_3e_5dExj,8,8
	.type	_ZN08NumbaEnv5numba2np8arrayobj18_ol_array_allocate12_3clocals_3e4implB2v5B42c8tJTIeFIjxB2IKSgI4CrvQClcaMQ5hEEUSJJgA_3dEN29typeref_5b_3cclass_20_27numba4core5types8npytypes14Array_27_3e_5dExj,@object
	.comm	_ZN08NumbaEnv5numba2np8arrayobj18_ol_array_allocate12_3clocals_3e4implB2v5B42c8tJTIeFIjxB2IKSgI4CrvQClcaMQ5hEEUSJJgA_3dEN29typeref_5b_3cclass_20_27numba4core5types8npytypes14Array_27_3e_5dExj,8,8
	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.10,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.10:
	.ascii	"\200\004\225K\000\000\000\000\000\000\000\214\bbuiltins\224\214\013MemoryError\224\223\224\214'Allocation failed (probably too large).\224\205\224N\207\224."
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.10, 86

	.type	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.11,@object
	.p2align	4, 0x0
.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.11:
	.ascii	"\272(\235\201\360\\p \363G|\025sH\004\337e\253\342\t"
	.size	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.11, 20

	.type	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.9,@object
	.p2align	4, 0x0
.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.9:
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.10
	.long	86
	.zero	4
	.quad	.const.pickledata.ba289d81f05c7020f3477c15734804df65abe209.sha1.11
	.quad	0
	.long	0
	.zero	4
	.size	.const.picklebuf.ba289d81f05c7020f3477c15734804df65abe209.9, 40

	.section	".note.GNU-stack","",@progbits
